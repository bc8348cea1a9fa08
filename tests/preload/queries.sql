-- queries.sql - what an everyday user of sqlite3 asks, on data that is generated: the output is the same each time.
.mode list
.bail on
pragma journal_mode = wal;
pragma cache_size = -4000;

create table person (id integer primary key, name text not null, town integer, born integer);
create table town (id integer primary key, name text unique);
create table sale (id integer primary key, person integer references person, day integer, amount real, note text);

with recursive n(i) as (select 1 union all select i + 1 from n where i < 200)
insert into town select i, 'town ' || (i * 7919 % 1009) from n;

with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into person select i, 'name ' || hex(i * 2654435761 % 4294967296), i * 31 % 200 + 1, 1930 + i * 17 % 80 from n;

begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into sale select i, i * 7919 % 20000 + 1, i * 13 % 365, (i * 2654435761 % 100000) / 100.0,
    case i % 5 when 0 then null else substr('a longer note, cut anywhere, of sale ' || i, 1, i % 60) end from n;
commit;

create index sale_person on sale (person, day);
create index sale_day on sale (day) where amount > 500;
create index person_town on person (town, born desc);
analyze;

select 'counts', (select count(*) from person), (select count(*) from town), (select count(*) from sale);

select 'join', t.name, count(*), round(sum(s.amount), 2), max(length(s.note))
from sale s join person p on p.id = s.person join town t on t.id = p.town
group by t.id order by 4 desc limit 12;

select 'left join', p.id, p.name, count(s.id)
from person p left join sale s on s.person = p.id and s.amount > 995 group by p.id order by 4 desc, 1 limit 8;

select 'window', day, total, round(avg(total) over (order by day rows between 6 preceding and current row), 3),
    rank() over (order by total desc)
from (select day, round(sum(amount), 2) as total from sale group by day) order by day limit 15;

select 'first of each', town, id, born from (
    select town, id, born, row_number() over (partition by town order by born, id) as place from person)
where place = 1 order by town limit 10;

with recursive tree(id, depth, path) as (
    select 1, 0, '1' union all
    select p.id, depth + 1, path || '/' || p.id from tree join person p on p.id in (tree.id * 3, tree.id * 3 + 1) where depth < 8)
select 'tree', depth, count(*), max(length(path)), max(path) from tree group by depth;

with recursive collatz(start, n, steps) as (
    select i, i, 0 from (select id as i from person where id <= 3000) union all
    select start, case n % 2 when 0 then n / 2 else 3 * n + 1 end, steps + 1 from collatz where n > 1)
select 'collatz', start, max(steps) as longest from collatz group by start order by longest desc, start limit 8;

select 'text', group_concat(distinct substr(note, 1, 8)), count(distinct note), total(length(upper(note)))
from sale where note like '%a%note%' and note not glob '*7*';

select 'json', json_group_array(json_object('id', id, 'name', name)) from (select id, name from person order by name limit 5);
select 'json each', sum(value), count(*) from json_each((select json_group_array(day) from sale where id < 5000));

create virtual table words using fts5 (body);
insert into words select note from sale where note is not null and id % 3 = 0;
select 'search', count(*) from words where words match 'cut AND any*';

create trigger on_sale after update on sale begin update person set born = born + 1 where id = new.person; end;
update sale set amount = amount * 1.1 where day between 100 and 120 and amount < 300;
select 'after update', round(sum(amount), 2), (select sum(born) from person) from sale;

delete from sale where id % 3 = 0;
savepoint half;
delete from person where town > 100;
rollback to half;
select 'after rollback', count(*) from person;
release half;

vacuum;
reindex;
pragma integrity_check;
select 'at last', count(*), round(sum(amount), 2), count(note) from sale;
select 'union', count(*) from (select person from sale union select id from person except select person from sale where day < 30);
