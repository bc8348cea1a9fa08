-- What workloads/traces/sqlite.trace is a recording of: sqlite3 :memory: '.read workloads/traces/queries.sql'
create table sale(id integer primary key, shop text, item text, price real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000)
insert into sale select i, 'shop' || (i % 37), 'item' || (i % 211), ((i * 7919) % 1000) / 10.0 from n;
create index sale_of_item on sale(item, price);
select shop, count(*), round(sum(price), 2), group_concat(distinct item) from sale
    group by shop having count(*) > 50 order by 3 desc limit 5;
select a.item, count(*) from sale a join sale b on a.item = b.item and a.price < b.price
    group by a.item order by 2 desc, 1 limit 5;
update sale set item = upper(item) || '-' || shop where price > 50;
select json_group_object(item, total) from
    (select item, round(sum(price), 1) as total from sale group by item order by total desc limit 20);
with word(w, rest) as (
    select '', (select group_concat(item, ' ') from sale where id < 1500) || ' '
    union all select substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) from word where rest <> '')
select length(w), count(*), max(printf('%s=%5.1f', w, length(rest))) from word group by 1 order by 2 desc limit 5;
delete from sale where shop like '%7';
select count(*), min(item), max(item) from sale;
