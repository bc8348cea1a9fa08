"""test_sarif.py - what programs read of a hunt for races is as their formats say: SARIF against the schema of OASIS,
JUnit XML as far as its readers rely on it, stress files against our own schema. The reports are those kept in
tests/data, which test_report.c holds to what the code writes."""
import glob
import json
import os
import sys
import xml.etree.ElementTree as xml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.path.join(TOP, "tests", "data")
PACKAGE = "@microsoft/jest-sarif"
INSTALL = f"npm install --ignore-scripts --prefix build/npm {PACKAGE}@1.0.0-beta.0"
SAMPLES = ("stress-findings", "stress-clean")


class Skip(Exception):
    pass


def load(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return json.load(file)


def sample(name, ending):
    return os.path.join(DATA, f"{name}.{ending}")


def validator_of(schema):
    try:
        import jsonschema
    except ImportError:
        raise Skip("no python3-jsonschema") from None
    made = jsonschema.validators.validator_for(schema)
    made.check_schema(schema)
    return made(schema, format_checker=jsonschema.FormatChecker())


def sarif_schema():
    """MK_SARIF_SCHEMA names the file; else it is looked for in the npm package that has it."""
    places = [os.environ.get("MK_SARIF_SCHEMA", "")]
    places += glob.glob(os.path.join(TOP, "build/npm/node_modules", PACKAGE, "lib/schemas/sarif-2.1.0*.json"))
    for place in places:
        if place and os.path.exists(place):
            return load(place)
    raise Skip(f"no schema of SARIF 2.1.0: {INSTALL}")


def check(errors):
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in errors]
    assert not errors, errors


# ---- SARIF ----------------------------------------------------------------------------------------


def test_sarif_is_valid():
    validator = validator_of(sarif_schema())
    for name in SAMPLES:
        check(validator.iter_errors(load(sample(name, "sarif"))))


def test_sarif_schema_refuses():
    """What is taken says something only if something is not."""
    validator = validator_of(sarif_schema())
    for spoil in (lambda run: run["results"][0].pop("message"),
                  lambda run: run["results"][0].update(level="fatal"),
                  lambda run: run["results"][0].update(seed=1),
                  lambda run: run["tool"]["driver"].pop("name"),
                  lambda run: run["results"][0]["stacks"][0]["frames"][0].update(function="f"),
                  lambda run: run["invocations"][0].pop("executionSuccessful")):
        document = load(sample("stress-findings", "sarif"))
        spoil(document["runs"][0])
        assert not validator.is_valid(document)


def test_sarif_says_what_was_found():
    for name in SAMPLES:
        stress, run = load(sample(name, "json")), load(sample(name, "sarif"))["runs"][0]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(rules) == len(set(rules))
        assert len(run["results"]) == len(stress["findings"])
        for finding, result in zip(stress["findings"], run["results"]):
            assert result["ruleId"] == finding["rule"] == rules[result["ruleIndex"]]
            assert result["message"]["text"].startswith(finding["what"])
            assert result["properties"]["seed"] == str(finding["seed"])
            assert len(result.get("stacks", [])) == len(finding["stacks"])
            for stack, frames in zip(result.get("stacks", []), finding["stacks"]):
                assert len(stack["frames"]) == len(frames["frames"])
            assert ("locations" in result) == (finding["cell"] is not None)


# ---- JUnit ----------------------------------------------------------------------------------------


def counts(element):
    """Of the test cases below an element, as the attributes have them."""
    cases = list(element.iter("testcase"))
    return {"tests": len(cases),
            "failures": sum(case.find("failure") is not None for case in cases),
            "errors": sum(case.find("error") is not None for case in cases),
            "skipped": sum(case.find("skipped") is not None for case in cases)}


def test_junit_counts_what_it_has():
    for name in SAMPLES:
        root = xml.parse(sample(name, "xml")).getroot()
        assert root.tag == "testsuites"
        for element in (root, *root.iter("testsuite")):
            said = {key: int(element.get(key)) for key in ("tests", "failures", "errors", "skipped")}
            assert said == counts(element), (element.get("name"), said, counts(element))
        names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
        assert len(names) == len(set(names)), names
        for case in root.iter("testcase"):
            assert float(case.get("time")) >= 0 and len(case) <= 1


def test_junit_has_every_finding():
    """Each with its sentence and its command, in a test case of its own or of its trial."""
    for name in SAMPLES:
        stress, root = load(sample(name, "json")), xml.parse(sample(name, "xml")).getroot()
        texts = [bad.text for case in root.iter("testcase") for bad in case if bad.tag in ("failure", "error")]
        for finding in stress["findings"]:
            assert any(finding["what"] in text and finding.get("command", "") in text for text in texts), finding
        if not stress["findings"]:
            assert not texts


# ---- stress files ---------------------------------------------------------------------------------


def test_stress_schema_takes_and_refuses():
    validator = validator_of(load("docs/schema/stress.schema.json"))
    for name in SAMPLES:
        check(validator.iter_errors(load(sample(name, "json"))))
    for spoil in (lambda file: file["findings"][0].pop("rule"),
                  lambda file: file["findings"][0].update(sort="race"),
                  lambda file: file["trials"][0].update(trials=-1),
                  lambda file: file["cells"][0].update(threads="2"),
                  lambda file: file.pop("context")):
        document = load(sample("stress-findings", "json"))
        spoil(document)
        assert not validator.is_valid(document)


def main():
    failed = 0
    for name, run in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            run()
            print(f"ok {name[5:]}")
        except Skip as why:
            print(f"ok {name[5:]} # SKIP {why}")
        except Exception as error:  # whatever it is, the others are run
            failed += 1
            print(f"not ok {name[5:]}\n    {type(error).__name__}: {error}")
    sys.exit(failed > 0)


main()
