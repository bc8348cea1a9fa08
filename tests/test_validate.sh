#!/bin/sh
# test_validate.sh - `memkit-bench validate` and what the other commands say to a bad workload file: where
# it goes, which exit status, and that nothing is run or written.
set -u
# shellcheck source=tests/lib.sh
. tests/lib.sh
tool=$BUILD/memkit-bench
good=workloads/quickstart.json
bad=tests/corpus/workload/bad-everything.json

prints_ok() {
    [ "$("$tool" validate "$good" workloads/ycsb/a.json 2>"$scratch/err")" = "$good: ok
workloads/ycsb/a.json: ok" ] && [ ! -s "$scratch/err" ]
}
check 'validate: says ok' prints_ok

all_errors() {
    "$tool" validate "$bad" >"$scratch/out" 2>"$scratch/err"
    [ $? = 2 ] && [ ! -s "$scratch/out" ] && [ "$(grep -c "^$bad:[0-9]*:[0-9]*: error: " "$scratch/err")" = 18 ]
}
check 'validate: all errors, on standard error' all_errors

mixed() {
    refuses 2 "bad-no-kind.json:1:1: error: missing key \"kind\"" \
        "$tool" validate "$good" tests/corpus/workload/bad-no-kind.json workloads/ycsb/a.json &&
        "$tool" validate "$good" tests/corpus/workload/bad-no-kind.json workloads/ycsb/a.json 2>/dev/null |
        grep -q "a.json: ok"
}
check 'validate: one bad file does not hide the others' mixed

from_stdin() {
    "$tool" validate - <"$good" | grep -qx 'standard input: ok'
}
check 'validate: standard input' from_stdin
check 'validate: no such file' refuses 2 '^/nonexistent.json: error: cannot be read: No such file' "$tool" validate /nonexistent.json
check 'validate: a folder' refuses 2 'error: is a directory' "$tool" validate workloads
check 'validate: nothing given' refuses 2 usage "$tool" validate
check 'validate: unknown option' refuses 2 'unknown option --shcema' "$tool" validate --shcema workload
check 'validate: a stress file' "$tool" validate tests/data/stress-findings.json tests/data/stress-clean.json
sed 's/"index": 4/"index": 3/' tests/data/stress-findings.json >"$scratch/s.json"
check 'validate: a bad stress file' refuses 2 's.json:[0-9]*:3: error: the cells are not ordered' "$tool" validate "$scratch/s.json"
check 'validate: unknown format' refuses 2 'wants one of workload, result' "$tool" validate --schema trace

printf '{ "schema": "memkit.wokload/1" }' >"$scratch/w.json"
check 'validate: unknown schema' refuses 2 'w.json:1:13: error: .*, did you mean "memkit.workload/1"' "$tool" validate "$scratch/w.json"
head -c 104857600 /dev/zero | tr '\0' '[' >"$scratch/deep.json"
check 'validate: 100 MB of brackets' refuses 2 'deep.json:1:65: error: .* nested more than 64 deep' "$tool" validate "$scratch/deep.json"
check 'run: 100 MB of brackets' refuses 2 'deep.json: error: has more than 16 MiB' "$tool" run "$scratch/deep.json"
rm "$scratch/deep.json"

# A file as large as they come, all of it looked at: quick enough for any limit of a test run.
big() {
    {
        printf '{ "schema": "memkit.workload/1", "name": "big", "kind": "hash", "expect": [\n'
        yes '{ "id": "claim", "bound": 1.05, "list": [1, 2, 3] },' | head -n 190000
        printf '{} ] }\n'
    } >"$scratch/big.json"
    [ "$(wc -c <"$scratch/big.json")" -gt 10000000 ] && "$tool" validate "$scratch/big.json"
}
check 'validate: 10 MB' big

nothing_written() {
    refuses 2 'error: unknown key "thread", did you mean "threads"' "$tool" run "$bad" -o "$scratch/r.json" &&
        [ ! -e "$scratch/r.json" ]
}
check 'run: a bad file, nothing run or written' nothing_written
check 'run: --set is checked too' refuses 2 'keys.count=-1: "count" must be between' "$tool" run "$good" --set keys.count=-1
check 'plan: a bad file' refuses 2 'duplicate key "seed"' "$tool" plan "$bad"

# The schema for programs must take what the tool takes; jsonschema is a Debian package that may be absent.
if "$PYTHON" -c 'import jsonschema' 2>/dev/null; then
    cat >"$scratch/schema.py" <<'PY'
import json, pathlib, sys
import jsonschema
schema = json.load(open("docs/schema/workload.schema.json"))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
files = [*pathlib.Path("tests/corpus/workload").glob("good-*.json"), *pathlib.Path("workloads/ycsb").glob("*.json"),
         *pathlib.Path("workloads/alloc").glob("*.json"), *pathlib.Path("workloads/examples").glob("*.json")]
wrong = [f"{f}: {e.message}" for f in files for e in validator.iter_errors(json.loads(f.read_bytes()))]
for name in "unknown-key", "text-for-number", "choice", "zero", "no-kind", "list-for-object", "group-without-name":
    file = pathlib.Path(f"tests/corpus/workload/bad-{name}.json")
    if validator.is_valid(json.loads(file.read_bytes())):
        wrong.append(f"{file}: taken")
print("\n".join(wrong))
sys.exit(bool(wrong) or len(files) < 30)
PY
    check 'schema: takes and refuses what the tool does' "$PYTHON" "$scratch/schema.py"
else
    skip 'schema: takes and refuses what the tool does' 'no python3-jsonschema'
fi
finish
