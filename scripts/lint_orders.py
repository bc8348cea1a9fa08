"""lint_orders.py - checks the comments of implementations that can be checked.

    lint_orders.py [FOLDER]      prints `file:line: [rule] what`, fails if there is any

Of FOLDER/<kind>/*.c (default impl):

top     The file starts with /* kind/name - ..., and its block has the keys Source, Picture, Parts,
        Progress, Ordering, Memory, Limits.
orders  Every atomic access is explicit and has a number, in a comment on its line or at most four
        lines above:
            /* (3) release-CAS synchronizes-with the acquire-load (5): publishes node->value. */
            /* (4) relaxed: statistics, nobody orders on it. */
        Numbers are unique in the file. The order is the one of the code; so is load, store or CAS,
        where it is said. What is not relaxed names its partners before the colon, and they name it.
        Several are (5, 7); one in another file is (5 in ebr.c), and is not followed.
lin     In kinds whose contract promises linearizability, every operation that must be offered has a
        linearization point for each outcome: `LIN get hit: ...`, `LIN put hit, miss: ...`, or
        `LIN get: ...` for all. A floor (MK_FLOOR) has one for each operation.
"""

import glob
import os
import re
import sys

KEYS = ("Source", "Picture", "Parts", "Progress", "Ordering", "Memory", "Limits")
OUTCOMES = ("hit", "miss")
ORDERS = r"relaxed|consume|acquire|release|acq[-_]rel|seq[-_]cst"
STATEMENT = re.compile(r"^\s*\((\d+)\)\s+(?:(%s)(?:-([A-Za-z_]+))?|((?:light|heavy)[- ]fence))\b" % ORDERS)
NUMBERED = re.compile(r"^\s*\((\d+)\)\s")
ACCESS = re.compile(r"\batomic_(load|store|exchange|compare_exchange_\w+?|fetch_\w+?|flag_\w+?)(_explicit)?\s*\(")
FENCE = re.compile(r"\bmk_fence_(light|heavy)\s*\(")
REACH = 4  # lines between a comment's end and the access it is about


class Statement:
    """One `(n) order-...` of a comment."""

    def __init__(self, number, order, access, line, text):
        self.number = number
        self.order = order
        self.access = access
        self.line = line
        self.text = text
        self.used = False

    def partners(self):
        """Numbers that stand before the colon, but its own. None: there are only foreign ones."""
        head = re.sub(r"^\s*\(\d+\)", "", self.text).split(":")[0]
        here = [int(n) for group in re.findall(r"\((\d+(?:, \d+)*)\)", head) for n in group.split(",")]
        return None if not here and re.search(r"\(\d+ in \S+\)", head) else here


class Comment:
    """A comment: where it starts and ends, and what it states."""

    def __init__(self, text, first, last):
        self.text = text
        self.first = first
        self.last = last
        self.statements = []


def split_source(source):
    """Returns the code with comments and literals blanked out (same length), and the comments."""
    code, comments = list(source), []
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    for match in pattern.finditer(source):
        text = match.group()
        if text.startswith("/"):
            first = source.count("\n", 0, match.start()) + 1
            comments.append(Comment(text, first, first + text.count("\n")))
        for i in range(match.start(), match.end()):
            if code[i] != "\n":
                code[i] = " "
    return "".join(code), comments


def read_statements(comment, report):
    """Fills comment.statements; a number that opens a line begins one."""
    for i, raw in enumerate(comment.text.split("\n")):
        line = re.sub(r"^\s*(/\*+|\*/|\*(?!/)|//)?", "", raw)
        line = re.sub(r"\*/\s*$", "", line)
        number = NUMBERED.match(line)
        if number:
            found = STATEMENT.match(line)
            if not found:
                report(comment.first + i, "orders", "(%s) does not say its order" % number.group(1))
                continue
            order = (found.group(2) or found.group(4)).replace("-", "_").replace(" ", "_")
            comment.statements.append(
                Statement(int(found.group(1)), order, found.group(3), comment.first + i, line))
        elif comment.statements:
            comment.statements[-1].text += " " + line


def arguments(code, start):
    """Returns the text between the parenthesis that opens before `start` and its match, and its end."""
    depth = 1
    for i in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return code[start:i], i
    return code[start:], len(code)


def accesses(code):
    """Yields (first line, last line, access, order or None, explicit) of each atomic access."""
    for match in sorted([*ACCESS.finditer(code), *FENCE.finditer(code)], key=lambda m: m.start()):
        inside, end = arguments(code, match.end())
        first, last = code.count("\n", 0, match.start()) + 1, code.count("\n", 0, end) + 1
        if match.re is FENCE:
            yield first, last, "fence", match.group(1) + "_fence", True
            continue
        orders = re.findall(r"\bmemory_order_(\w+)", inside)
        access = match.group(1)
        # An access nested in the arguments has orders of its own before ours; ours come last.
        count = 2 if access.startswith("compare_exchange") else 1
        yield first, last, access, orders[-count] if len(orders) >= count else None, bool(match.group(2))


def same_access(stated, access):
    """Whether what a comment calls the access can be what the code does. Unknown words pass."""
    wanted = {"load": ("load",), "store": ("store",), "CAS": ("compare_exchange_weak", "compare_exchange_strong")}
    return stated not in wanted or access in wanted[stated]


def nearest(comments, first, last):
    """Returns the comment with statements that is about an access on these lines, or None."""
    beside = [c for c in comments if c.statements and first <= c.first <= last]
    if beside:
        return beside[-1]
    above = [c for c in comments if c.statements and c.last < first and first - c.last <= REACH]
    return above[-1] if above else None


def check_accesses(code, comments, report):
    for first, last, access, order, explicit in accesses(code):
        if not explicit:
            report(first, "orders", "atomic_%s without _explicit: its order is to be said" % access)
            continue
        comment = nearest(comments, first, last)
        if not comment:
            if access != "fence":
                report(first, "orders", "atomic_%s without a numbered comment within %d lines" % (access, REACH))
            continue
        fits = [s for s in comment.statements
                if order in (None, s.order) and same_access(s.access, access)]
        for statement in fits or comment.statements:
            statement.used = True
        if not fits:
            stated = comment.statements[0]
            report(first, "orders", "(%d) says %s%s, the code has atomic_%s with memory_order_%s" % (
                stated.number, stated.order, "-" + stated.access if stated.access else "", access, order))


def check_numbers(comments, report):
    known = {}
    for statement in (s for c in comments for s in c.statements):
        if statement.number in known:
            report(statement.line, "orders", "(%d) is taken: line %d" % (
                statement.number, known[statement.number].line))
        known.setdefault(statement.number, statement)
        if not statement.used:
            report(statement.line, "orders", "(%d) is about no atomic access: none within %d lines" % (
                statement.number, REACH))
    for number, statement in known.items():
        partners = statement.partners()
        if not partners and partners is not None and statement.order != "relaxed":
            report(statement.line, "orders", "(%d) is %s, but names no partner before its colon" % (
                number, statement.order))
        for partner in partners or ():
            if partner not in known:
                report(statement.line, "orders", "(%d) names (%d), which is not in this file" % (number, partner))
            elif number not in (known[partner].partners() or ()):
                report(statement.line, "orders", "(%d) names (%d), which does not name it back" % (number, partner))


def must_have_lin(folder, kind):
    """Operations that a kind demands, if its contract says that they are linearizable."""
    path = os.path.join(folder, kind + ".h")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        header = file.read()
    if "linearizable" not in header:
        return []
    demanded = re.search(r"must_offer =([^;]*);", header)
    return [op.lower() for op in re.findall(r"MK_%s_(\w+)" % kind.upper(), demanded.group(1))] if demanded else []


def check_lin(comments, source, operations, report):
    have = set()
    for comment in comments:
        for head in re.findall(r"LIN ([\w ,/]+):", comment.text):
            operation, said = None, False
            for word in re.findall(r"\w+", head) + [None]:
                if word in OUTCOMES and operation:
                    have.add((operation, word))
                    said = True
                elif word in operations or word is None:
                    if operation and not said:
                        have.update((operation, outcome) for outcome in OUTCOMES)
                    operation, said = word, False
    floor = re.search(r"\bMK_FLOOR\b", source)
    for operation in operations:
        missing = [outcome for outcome in OUTCOMES if (operation, outcome) not in have]
        if missing and not (floor and len(missing) < len(OUTCOMES)):
            report(1, "lin", "no linearization point: LIN %s %s" % (operation, ", ".join(missing)))


def check_top(path, comments, report):
    """The block may follow the `needs:` line of a peer."""
    tops = [c for c in comments[:2] if not c.text.startswith("/* needs:")]
    identity = os.path.splitext("/".join(path.split("/")[-2:]))[0]
    if not tops or not re.match(r"/\* %s - \S" % re.escape(identity), tops[0].text):
        report(1, "top", "does not start with /* %s - what it is" % identity)
        return
    for key in KEYS:
        if not re.search(r"^ \* (?:%s|%s):" % (key, key.lower() if key == "Parts" else key), tops[0].text, re.M):
            report(1, "top", "the block at the top has no %s:" % key)


def lint(folder, path):
    """Returns the findings in one file, as (line, rule, text)."""
    found = []

    def report(line, rule, text):
        found.append((line, rule, text))

    with open(path, encoding="utf-8") as file:
        source = file.read()
    code, comments = split_source(source)
    for comment in comments:
        read_statements(comment, report)
    check_accesses(code, comments, report)
    check_numbers(comments, report)
    kind = path.split("/")[-2]
    check_lin(comments, code, must_have_lin(folder, kind), report)
    check_top(path, comments, report)
    return sorted(found)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "impl"
    paths = glob.glob(folder + "/*/*.c") + glob.glob(folder + "/peers/*/*.c") + glob.glob(folder + "/peers/*/*.cc")
    count = 0
    for path in sorted(p for p in paths if "/preload/" not in p):
        for line, rule, text in lint(folder, path):
            print("%s:%d: [%s] %s" % (path, line, rule, text))
            count += 1
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
