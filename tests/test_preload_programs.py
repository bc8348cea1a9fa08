"""test_preload_programs.py - real programs unharmed by libmemkit.so: each is run with it and without, and writes the same.
`make check-all` (MK_PROGRAMS=all) runs the longer ones as well. See tests/preload/under.py for other libraries."""
import filecmp
import os
import random
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "preload"))
from bench_case import BUILD, TOP, contains, equal, main
import under
from under import alike, run

HERE = os.path.join(TOP, "tests/preload")
PYTHON = os.path.realpath(sys.executable)
LONG = "make check-all runs it"


def lines(count, seed=1):
    draw = random.Random(seed)
    words = ["".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(1, 14))) for _ in range(5000)]
    return "".join(f"{draw.choice(words)} {draw.randrange(10 ** 6)} {draw.choice(words)}\n" for _ in range(count))


def everyday(case, extra=None):
    alike([PYTHON, os.path.join(HERE, "everyday.py"), case.folder], extra=extra)


def test_python(case):
    everyday(case)


def test_python_all_of_its_objects(case):
    """By default Python keeps blocks up to 512 bytes to itself."""
    everyday(case, {"PYTHONMALLOC": "malloc"})


def test_python_compiles_its_library(case):
    made = []
    for name in "with", "without":
        folder = os.path.join(case.folder, name, "lib")
        for package in "json", "email", "asyncio", "xml":
            source = os.path.join(os.path.dirname(os.__file__), package)
            shutil.copytree(source, os.path.join(folder, package), ignore=shutil.ignore_patterns("__pycache__"))
        done = run([PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "lib"], under=name == "with",
                   cwd=os.path.dirname(folder))
        equal(done.returncode, 0, under.shown(done))
        made.append(folder)
    same_files(*made)


def test_python_stdlib_tests(_):
    if not under.ALL:
        return LONG
    names = ["test.test_json", "test.test_re", "test.test_zlib", "test.test_dict", "test.test_list", "test.test_thread"]
    if run([PYTHON, "-c", "import test.test_json"], under=False).returncode:
        return "not installed: libpython3-testsuite (scripts/setup programs)"
    done = run([PYTHON, "-m", "unittest", "-q", *names], timeout=600)
    equal(done.returncode, 0, under.shown(done))
    return None


def same_files(one, other):
    """Two folders hold the same files, byte for byte; there is at least one."""
    def listed(top):
        return sorted(os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(top) for name in names)
    names = listed(one)
    assert names, f"{one} is empty"
    equal(listed(other), names, "files")
    for name in names:
        assert filecmp.cmp(os.path.join(one, name), os.path.join(other, name), shallow=False), f"{name} differs"


class Git:
    """A repository with a history that is the same each time. What git says is kept."""

    def __init__(self, folder, with_it, extra=None):
        self.folder, self.with_it, self.said, self.now = folder, with_it, [], 1600000000
        self.extra = dict(extra or {}) if with_it else {}
        os.makedirs(folder)

    def __call__(self, *args, status=0):
        self.now += 60
        when = f"{self.now} +0000"
        known = {"HOME": self.folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
                 "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org", "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        done = run(["git", "-c", "gc.auto=0", "-c", "pack.threads=2", *args], under=self.with_it, cwd=self.folder, extra=known | self.extra)
        equal(done.returncode, status, f"git {' '.join(args)}: {under.shown(done)}")
        self.said.append((args, done.stdout))
        return done.stdout

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def history(self, commits):
        self("init", "-q", "-b", "main")
        for number in range(commits):
            for file in range(12):
                self.write(f"d{file % 4}/f{file}", lines(40 + 3 * number, seed=file) + f"commit {number // (file + 1)}\n")
            self("add", "-A")
            self("commit", "-q", "-m", f"commit {number}\n\n{lines(3, number)}")
        self("checkout", "-q", "-b", "side", "HEAD~3")
        self.write("d9/new", lines(500, 99))
        self("add", "-A")
        self("commit", "-q", "-m", "on the side")
        self("checkout", "-q", "main")
        self("merge", "-q", "--no-edit", "side")
        self("checkout", "-q", "-b", "clash", "HEAD~2")
        self.write("d1/f1", "something else\n")
        self("commit", "-q", "-a", "-m", "clash")
        self("merge", "-q", "--no-edit", "main", status=1)
        self("merge", "--abort")
        self("checkout", "-q", "main")
        self("cherry-pick", "-X", "theirs", "clash")
        self("tag", "-a", "-m", "a tag", "v1")

    def ask(self):
        self("log", "--all", "--graph", "--stat", "-p", "--format=%H %T %an %s")
        self("gc", "-q", "--prune=now")
        self("fsck", "--full", "--strict", "--no-progress")
        self("for-each-ref")
        self("cat-file", "--batch-all-objects", "--batch-check")
        self("blame", "-s", "d0/f0")
        self("grep", "-n", "-E", "^[aeiou]{2}[a-z]* 1")
        self("archive", "--format=tar", "v1")
        self("clone", "-q", "--no-local", ".", "twin")
        self("-C", "twin", "rev-parse", "HEAD", "HEAD^{tree}")
        self("status", "--short")


def git_says(folder, commits, extra=None):
    under.is_loaded("git")
    stories = []
    for with_it in True, False:
        git = Git(os.path.join(folder, f"git-{with_it}"), with_it, extra)
        git.history(commits)
        git.ask()
        stories.append(git.said)
    for (args, got), (_, want) in zip(*stories):
        assert got == want, f"git {' '.join(args)} says something else under the library"


def test_git(case):
    reason = under.missing(git="git")
    return reason or git_says(case.folder, 100 if under.ALL else 8)


def test_gcc_compiles_this_project(case):
    reason = under.missing(gcc="gcc")
    if reason:
        return reason
    sources = ["harness/stats.c", "harness/text.c", "impl/alloc/pool.c", "tests/preload/probe_api.c", "tests/preload/broken.c"]
    if shutil.which("g++"):
        sources.append("tests/preload/probe_cxx.cc")
    under.is_loaded(run(["gcc", "-print-prog-name=cc1"], under=False).stdout.decode().strip())
    for source in sources:
        compiler = ["g++", "-std=c++17"] if source.endswith(".cc") else ["gcc", "-std=c11"]
        made = [os.path.join(case.folder, name) for name in ("with.o", "without.o")]
        for out, with_it in zip(made, (True, False)):
            done = run([*compiler, "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-c", source, "-o", out], under=with_it, cwd=TOP)
            equal(done.returncode, 0, under.shown(done))
        assert filecmp.cmp(*made, shallow=False), f"the object of {source} differs"
    return None


def test_gcc_compiles_all_of_this_project(case):
    """Compared with the objects that the build under test was linked from."""
    if not under.ALL:
        return LONG
    built = os.path.join(TOP, BUILD)
    folder = os.path.join(case.folder, "build")
    done = run(["make", "-j2", "objects", f"B={folder}", "FLAVOUR=release"], cwd=TOP, timeout=1800)
    equal(done.returncode, 0, under.shown(done))
    compared = 0
    for part in "harness", "impl":
        for where, _, names in os.walk(os.path.join(folder, part)):
            for name in names:
                if not name.endswith(".o") or name == "build_info.o":
                    continue
                path = os.path.relpath(os.path.join(where, name), folder)
                assert filecmp.cmp(os.path.join(folder, path), os.path.join(built, path), shallow=False), f"{path} differs"
                compared += 1
    assert compared > 100, f"only {compared} objects were compared"
    return None


def test_make(case):
    reason = under.missing(make="make", gcc="gcc")
    if reason:
        return reason
    rules = ["OBJECTS := $(patsubst %.c,%.o,$(sort $(wildcard *.c)))", "program: $(OBJECTS)", "\tgcc $^ -o $@", "%.o: %.c",
             "\tgcc -O1 -c $< -o $@", "count:", "\t@echo $(words $(foreach i,$(shell seq 2000),$(OBJECTS:%=$(i)-%)))"]
    for name in "with", "without":
        folder = os.path.join(case.folder, name)
        os.makedirs(folder)
        for number in range(10):
            case.file(f"{name}/f{number}.c", f"int f{number}(int x) {{ return x * {number} + 1; }}\n")
        case.file(f"{name}/main.c", '#include <stdio.h>\n' + "".join(f"int f{n}(int x);\n" for n in range(10)) + "int main(void) {\n"
                  + "".join(f'    printf("%d\\n", f{n}({n}));\n' for n in range(10)) + "    return 0;\n}\n")
        case.file(f"{name}/Makefile", "\n".join(rules) + "\n")
        done = run(["make", "-j2", "program", "count"], under=name == "with", cwd=folder)
        equal(done.returncode, 0, under.shown(done))
        contains(done.stdout.decode(), "22000\n")
    under.is_loaded("make")
    same_files(os.path.join(case.folder, "with"), os.path.join(case.folder, "without"))
    return None


def test_sqlite3(case):
    reason = under.missing(sqlite3="sqlite3")
    if reason:
        return reason
    with open(os.path.join(HERE, "queries.sql"), "rb") as queries:
        asked = queries.read()
    under.is_loaded("sqlite3")
    for name in ":memory:", "file.db":
        said = []
        for with_it in True, False:
            folder = os.path.join(case.folder, f"{name[:4]}-{with_it}")
            os.makedirs(folder)
            done = run(["sqlite3", name], under=with_it, input=asked, cwd=folder)
            equal((done.returncode, done.stderr), (0, b""), under.shown(done))
            said.append(done.stdout)
        assert said[0] == said[1], "sqlite3 answers something else under the library"
        contains(said[0].decode(), "collatz|", "at last|80000|")
    return None


PERL = r'''
use strict; use warnings; use threads::shared; use Config;
my (%count, @kept);
while (<STDIN>) { chomp; my ($a, $n, $b) = split / /; $count{$a}{$b} += $n; push @kept, scalar reverse $_ if /([aeiou])\1/; }
my $text = join "\n", map { my $k = $_; "$k " . join ",", map { "$_=$count{$k}{$_}" } sort keys %{$count{$k}} } sort keys %count;
$text =~ s/(\w+)=(\d+)/$2 . uc $1/ge;
print length($text), " ", scalar(@kept), " ", unpack("%32C*", $text), "\n";
print join("|", (sort { $b cmp $a } @kept)[0 .. 9]), "\n";
my @lists = map { [map { $_ * 3 } 1 .. $_ % 400] } 1 .. 3000; splice @lists, 100, 1500;
my $sum = 0; $sum += @$_ for @lists; print "$sum\n";
sub fill { my ($i) = @_; my %h; $h{$_ * $i} = "x" x ($_ % 90) for 1 .. 3000; scalar keys %h }
if ($Config{usethreads}) {
    require threads;
    my @t = map { threads->create(\&fill, $_) } 1 .. 4;
    print join(" ", map { $_->join } @t), "\n";
}
if (my $pid = fork) { waitpid $pid, 0; print $? >> 8, "\n" } else { my @x = map { "child $_" } 1 .. 5000; exit 7 }
'''
AWK = r'''{ count[$1] += $2; pair[$1, $3]++; text = text substr($3, 1, 1) }
END { for (k in count) { n++; s += count[k] }; for (p in pair) m += pair[p]; gsub(/[aeiou]+/, "<&>", text)
      print n, s, m, length(text), substr(text, 1, 60) }'''
BASH = r'''
declare -A count; list=()
while read -r a n b; do (( count[$a] += n % 100 )); list+=("$b"); done < <(head -n 6000)
for k in "${!count[@]}"; do echo "$k ${count[$k]}"; done | sort | cksum
text="${list[*]}"; text=${text//a/AA}; echo ${#text} ${text:100:60}
f() { local depth=$1 text=$2; if (( depth > 0 )); then f $(( depth - 1 )) "$text$depth"; else echo "$text"; fi; }
for i in {1..30}; do x=$(f 20 "$i-"); done; echo "$x"
printf '%s\n' "${list[@]}" | sort -u | wc -l; [[ "$text" =~ AA([b-e]+) ]] && echo "${BASH_REMATCH[1]}"
( exit 3 ); echo $?; (sleep 0.01 & wait; echo done) ; mapfile -t all < <(seq 20000); echo "${#all[@]} ${all[-1]}"
'''


def test_perl(_):
    return under.missing(perl="perl") or alike(["perl", "-e", PERL], input=lines(30000).encode()) and None


def test_awk(_):
    return under.missing(awk="mawk") or alike(["awk", AWK], input=lines(100000).encode()) and None


def test_bash(_):
    return under.missing(bash="bash") or alike(["bash", "-c", BASH], input=lines(6000).encode()) and None


def test_sort(case):
    case.file("lines", lines(1000000 if under.ALL else 200000))
    for options in ["-S", "200M"], ["-S", "2M", "-k2,2n", "-k1,1"], ["-u", "-k3,3"]:
        alike(["sort", "--parallel=2", "-T", case.folder, *options, "lines"], cwd=case.folder)


def test_xz_and_tar(case):
    reason = under.missing(xz="xz-utils", tar="tar")
    if reason:
        return reason
    case.file("lines", lines(150000))
    packed = alike(["xz", "-T2", "-2", "--block-size=1MiB", "-c", "lines"], cwd=case.folder)
    with open(os.path.join(case.folder, "lines"), "rb") as text:
        equal(alike(["xz", "-T2", "-dc"], input=packed), text.read(), "unpacked")
    made = alike(["tar", "-C", TOP, "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-cf", "-", "impl", "tests/corpus"])
    for name in "with", "without":
        folder = os.path.join(case.folder, name)
        os.makedirs(folder)
        done = run(["tar", "-xf", "-"], under=name == "with", input=made, cwd=folder)
        equal(done.returncode, 0, under.shown(done))
    same_files(os.path.join(case.folder, "with"), os.path.join(case.folder, "without"))
    alike(["tar", "-tvf", "-"], input=made)
    return None


def test_compositions(case):
    """Under other allocators of the library than the default."""
    if not under.SHIPPED:
        return "it is another library, which reads no MEMKIT_ALLOC"
    for number, composition in enumerate(under.COMPOSITIONS if under.ALL else under.COMPOSITIONS[:1]):
        extra = {"MEMKIT_ALLOC": composition}
        everyday(case, extra | {"PYTHONMALLOC": "malloc"})
        if not under.missing(git="git"):
            git_says(os.path.join(case.folder, str(number)), 4, extra)
    return None


def commands(count):
    """A data set for redis, of every type, one command a line."""
    draw = random.Random(3)
    made = []
    for i in range(count):
        key, value = draw.randrange(count // 8), "".join(draw.choice("abcdef") for _ in range(draw.randrange(1, 300)))
        made.append(draw.choice([f"SET s{key} {value}", f"APPEND s{key} {value}", f"INCRBY n{key % 50} {i}", f"LPUSH l{key % 90} {value}",
                                 f"RPOP l{key % 90}", f"HSET h{key % 200} f{i % 300} {value}", f"HDEL h{key % 200} f{(i * 7) % 300}",
                                 f"SADD u{key % 99} {value[:9]}", f"ZADD z{key % 60} {i % 977} {value[:12]}", f"DEL s{key + 1}",
                                 f"SETRANGE s{key} {i % 5000} {value[:20]}", f"UNLINK l{key % 90 + 1}", f"SETEX x{key} 100000 {value}"]))
    return "\n".join(made) + "\n"


# Each key with its type and a digest of what it holds.
DUMP = '''local keys, made = redis.call("KEYS", "*"), {}
table.sort(keys)
for _, key in ipairs(keys) do
    local type, held = redis.call("TYPE", key).ok
    if type == "string" then held = {redis.call("GET", key)}
    elseif type == "list" then held = redis.call("LRANGE", key, 0, -1)
    elseif type == "hash" then held = redis.call("HGETALL", key)
        local pairs_of = {}
        for i = 1, #held, 2 do pairs_of[#pairs_of + 1] = held[i] .. "=" .. held[i + 1] end
        held = pairs_of
        table.sort(held)
    elseif type == "set" then held = redis.call("SMEMBERS", key)
        table.sort(held)
    else held = redis.call("ZRANGE", key, 0, -1, "WITHSCORES") end
    made[#made + 1] = key .. " " .. type .. " " .. #held .. " " .. redis.sha1hex(table.concat(held, ","))
end
return made'''


class Redis:
    """A server of its own, with its data in a folder, and its clients."""

    def __init__(self, folder, with_it):
        self.folder, self.with_it = folder, with_it
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.log = open(os.path.join(folder, "log"), "ab")
        self.server = subprocess.Popen(
            ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--io-threads", "2"],
            env=under.environment(with_it), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for _ in range(200):
            if run(["redis-cli", "-p", self.port, "ping"], under=False).stdout == b"PONG\n":
                break
            assert self.server.poll() is None, self.logged()
            time.sleep(0.05)
        else:
            raise AssertionError(f"redis-server does not answer: {self.logged()}")
        if with_it and under.LIBRARY:
            with open(f"/proc/{self.server.pid}/maps", encoding="utf-8") as maps:
                contains(maps.read(), os.path.realpath(under.LIBRARY))

    def logged(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-3000:]

    def __call__(self, *args, client="redis-cli", **options):
        done = run([client, "-p", self.port, *args], under=self.with_it, **options)
        assert done.returncode == 0 and self.server.poll() is None, f"{under.shown(done)}\n{self.logged()}"
        return done.stdout.decode()

    def stop(self):
        """With its data written by a child of its own, while it goes on."""
        self("BGSAVE")
        for _ in range(600):
            if "rdb_bgsave_in_progress:0" in self("INFO", "persistence"):
                break
            time.sleep(0.05)
        contains(self("INFO", "persistence"), "rdb_last_bgsave_status:ok")
        run(["redis-cli", "-p", self.port, "SHUTDOWN", "NOSAVE"], under=False)
        equal(self.server.wait(30), 0, f"redis-server ends with: {self.logged()}")

    def close(self):
        if self.server.poll() is None:
            self.server.kill()
            self.server.wait()
        self.log.close()


def redis_says(folder, with_it):
    """What a server holds that a known data set was written to, benchmarks went over, and that was started again."""
    os.makedirs(folder)
    said = []
    for start in range(2):
        redis = Redis(folder, with_it)
        try:
            if start == 0:
                contains(redis("--pipe", input=commands(60000).encode(), timeout=200), "errors: 0", "replies: 60000")
                said.append(redis("EVAL", DUMP, "0"))
                told = redis("-n", "40000", "-c", "20", "-P", "4", "-r", "5000", "--dbnum", "1", "-t", "set,get,lpush,lrange,mset", "--csv",
                             client="redis-benchmark", timeout=400)
                contains(told, '"SET"', '"GET"', '"LPUSH"', '"LRANGE_100', '"MSET (10 keys)"')
                contains(redis("INFO", "memory"), "mem_allocator:")
                redis("-n", "1", "FLUSHDB", "ASYNC")
            said.append(redis("EVAL", DUMP, "0"))
            redis.stop()
        finally:
            redis.close()
    assert said[0] == said[1] == said[2], "redis-server does not hold what it held before"
    assert len(said[0].splitlines()) > 1000, said[0][:1000]
    return said[0]


def test_redis(case):
    if not under.ALL:
        return LONG
    reason = under.missing(redis_server="redis-server", redis_cli="redis-tools", redis_benchmark="redis-tools")
    if reason:
        return reason
    under.is_loaded("redis-server")
    got, want = (redis_says(os.path.join(case.folder, str(with_it)), with_it) for with_it in (True, False))
    assert got == want, "redis-server holds something else under the library"
    return None


if __name__ == "__main__":
    under.there()
    sys.exit(main(globals()))
