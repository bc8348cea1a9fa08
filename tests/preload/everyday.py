"""everyday.py - what programs in Python do all day, with output that is the same each time: texts, JSON, patterns, numbers,
a database, threads, processes by fork and by spawn, commands. Takes a folder for its files."""
import collections
import concurrent.futures
import decimal
import gc
import hashlib
import io
import json
import multiprocessing
import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import zipfile
import zlib

SEED = 12345


def digest(*parts):
    made = hashlib.sha256()
    for part in parts:
        made.update(repr(part).encode())
    return made.hexdigest()[:16]


def texts(draw):
    words = ["".join(draw.choice("abcdefghij") for _ in range(draw.randint(2, 12))) for _ in range(20000)]
    counted = collections.Counter(words)
    document = {"words": words[:5000], "counts": counted, "tree": {str(i): {"at": i, "list": list(range(i % 50))} for i in range(2000)}}
    text = json.dumps(document, indent=1, sort_keys=True)
    assert json.loads(text) == document
    found = re.findall(r'"(a[b-e]+f?)\w*": (\d+)', text)
    packed = zlib.compress(text.encode(), 6)
    assert zlib.decompress(packed).decode() == text
    print("texts", len(text), len(found), digest(text, found, len(packed)))


def objects(draw):
    """A few MB of objects with cycles, thrown away in another order than they were made."""
    class Node:
        def __init__(self, value):
            self.value, self.next, self.data = value, None, bytearray(value % 3000)
    nodes = [Node(draw.randrange(100000)) for _ in range(6000)]
    for node in nodes:
        node.next = draw.choice(nodes)
    draw.shuffle(nodes)
    del nodes[::2]
    gc.collect()
    sizes = [len(node.data) for node in nodes]
    table = {(value, str(value)): value * 1.5 for value in range(50000)}
    for value in range(0, 50000, 3):
        del table[(value, str(value))]
    with decimal.localcontext() as context:
        context.prec = 400
        root = decimal.Decimal(2).sqrt()
    print("objects", sum(sizes), len(table), digest(root, 7 ** 5000, sum(table.values())))


def database():
    base = sqlite3.connect(":memory:")
    base.execute("create table item (id integer primary key, name text, price real)")
    base.executemany("insert into item values (?, ?, ?)", ((i, f"item {i * 7919 % 5000}", i * 0.25) for i in range(5000)))
    base.execute("create index by_name on item (name)")
    rows = base.execute("select a.name, count(*), sum(b.price) from item a join item b on b.id between a.id and a.id + 9 "
                        "where a.name like 'item 1%' group by a.name order by 3 desc, 1 limit 40").fetchall()
    print("database", len(rows), digest(rows))


def archive(folder):
    path = os.path.join(folder, "a.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for i in range(40):
            out.writestr(zipfile.ZipInfo(f"file-{i}"), f"line {i}\n" * (i * 100))
    with zipfile.ZipFile(path) as back:
        print("archive", digest([back.read(name) for name in back.namelist()]))


def work(number):
    draw = random.Random(number)
    lists = [[draw.random() for _ in range(draw.randrange(200))] for _ in range(150)]
    lists.sort(key=sum)
    return digest(lists)


def threads():
    done = {}

    def run(number):
        done[number] = [work(number * 10 + i) for i in range(3)]
    started = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print("threads", digest(sorted(done.items())), digest(list(pool.map(work, range(20)))))


def processes():
    """A fork of a process that has threads, and a new interpreter; results go through pipes."""
    stop = threading.Event()
    busy = [threading.Thread(target=lambda: [stop.wait(0.001) or work(1) for _ in iter(stop.is_set, True)]) for _ in range(2)]
    for thread in busy:
        thread.start()
    for method in "fork", "spawn":
        with multiprocessing.get_context(method).Pool(2) as pool:
            print("processes", method, digest(pool.map(work, range(12))))
    stop.set()
    for thread in busy:
        thread.join()


def commands():
    said = [subprocess.run(["sh", "-c", f"echo {i}; exit {i}"], capture_output=True, text=True, check=False) for i in range(10)]
    piped = subprocess.run(["sort", "-rn"], input="\n".join(map(str, range(3000))), capture_output=True, text=True, check=True)
    print("commands", [(run.stdout, run.returncode) for run in said], digest(piped.stdout))


def main():
    draw = random.Random(SEED)
    texts(draw)
    objects(draw)
    database()
    archive(sys.argv[1])
    threads()
    processes()
    commands()
    buffer = io.BytesIO()
    for i in range(2000):
        buffer.write(bytes(i))
    print("bytes", digest(buffer.getvalue()))


if __name__ == "__main__":
    main()
