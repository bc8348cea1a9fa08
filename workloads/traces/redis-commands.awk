# The commands behind workloads/traces/redis.trace: awk -f redis-commands.awk | redis-cli -p 7391
# Hashes of 700 fields are filled, and unlinked two hashes later: redis-server frees those in a thread of its own.
BEGIN {
    for (key = 0; key < 20; key++) {
        for (i = 0; i < 700; i++) {
            printf "%s field:%d value-%d-%d%s", i % 10 ? "" : "HSET user:" key, i, key * i, i % 97, i % 10 == 9 ? "\n" : ""
        }
        if (key > 2) print "UNLINK user:" key - 2
    }
    print "FLUSHALL ASYNC"
}
