#!/usr/bin/python3
"""Tests of scripts/plot.py: its figures against numbers worked out by hand, what its charts show, and
that the same result gives the same bytes."""
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.abspath(__file__))
PLOT = os.path.join(TESTS, "..", "scripts", "plot.py")
sys.dont_write_bytecode = True


def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plot = load(PLOT, "plot")
data = load(os.path.join(TESTS, "data", "make_results.py"), "make_results")
HAVE_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
needs_matplotlib = unittest.skipUnless(HAVE_MATPLOTLIB, "matplotlib is not installed")


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, result, name="r.json"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(result if isinstance(result, str) else json.dumps(result))
        return path

    def run_plot(self, *arguments):
        """(status, standard output, standard error) of main."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = plot.main([*arguments, "-o", os.path.join(self.folder, "plots")])
        return status, out.getvalue(), err.getvalue()


class Statistics(unittest.TestCase):
    def test_interval_is_of_order_statistics(self):
        self.assertIsNone(plot.interval([]))
        self.assertEqual(plot.interval([3]), (3, 3, 3))
        self.assertEqual(plot.interval([5, 1, 2, 9, 4]), (4, 1, 9))      # 5: 94 %, the widest there is
        self.assertEqual(plot.interval([6, 1, 2, 3, 4, 5]), (3.5, 1, 6))  # 6: 97 %
        self.assertEqual(plot.interval(list(range(1, 10))), (5, 2, 8))    # 9: second to eighth, 96 %
        self.assertEqual(plot.interval(list(range(1, 21))), (10.5, 6, 15))

    def test_wall_time_is_from_first_start_to_last_end(self):
        threads = [{"start_skew_ns": 100, "wall_ns": 1000, "ops": 50},
                   {"start_skew_ns": 300, "wall_ns": 1200, "ops": 20}, {"wall_ns": 9000, "ops": 0}]
        self.assertAlmostEqual(plot.mops_of({"threads": threads}), 70e3 / 1400)
        self.assertIsNone(plot.mops_of({"threads": []}))

    def test_process_is_the_unit(self):
        def timed(process, ops, **more):
            return {"process": process, "threads": [{"ops": ops, "wall_ns": 1000}], **more}
        cell = {"rounds": [timed(0, 10), timed(0, 1000), timed(0, 12), timed(1, 20), timed(1, 7, phase=1),
                           timed(1, 9, sort="latency")]}
        self.assertEqual(plot.throughput(cell, 0), (16, 12, 20))
        self.assertEqual(plot.throughput(cell, 1), (7, 7, 7))
        self.assertIsNone(plot.throughput(cell, 2))

    def test_bins_and_percentiles(self):
        for ns in (0, 1, 255, 256, 257, 1000, 123456, 10**12):
            middle = plot.bin_middle_ns(data.bin_of(ns))
            self.assertLessEqual(abs(middle - ns), ns / 256)
        samples = [{"bin": [data.bin_of(100), data.bin_of(5000)], "bin_count": [98, 1], "max_ns": 5001},
                   {"bin": [data.bin_of(9000)], "bin_count": [1], "max_ns": 9001}]
        self.assertEqual(plot.percentile(samples, 50), 100)
        self.assertEqual(plot.percentile(samples, 98), 100)
        self.assertAlmostEqual(plot.percentile(samples, 99), 5000, delta=20)
        self.assertEqual(plot.percentile(samples, 100), 9001)

    def test_unknown_bytes_are_not_zero(self):
        cell = {"memory": [{"elements_fill": 10, "structure_bytes_fill": 480, "elements_churn": None,
                            "structure_bytes_churn": 5}]}
        self.assertEqual(plot.bytes_per_element(cell, "fill"), 48)
        self.assertIsNone(plot.bytes_per_element(cell, "churn"))
        self.assertIsNone(plot.bytes_per_element({}, "fill"))

    def test_labels_keep_apart_and_near(self):
        self.assertEqual(plot.spread([1, 100], 10), [1, 100])
        placed = plot.spread([50, 50, 51, 200], 10)
        self.assertTrue(all(b - a >= 10 - 1e-9 for a, b in zip(placed, placed[1:])))
        self.assertAlmostEqual(sum(placed[:3]) / 3, 151 / 3)
        self.assertEqual(placed[3], 200)

    def test_swept_keys(self):
        self.assertEqual(plot.swept("keys.count=1000 value_bytes=64"), {"keys.count": "1000", "value_bytes": "64"})
        self.assertEqual(plot.swept(""), {})
        self.assertEqual(plot.some(list(range(10)), 3), [0, 4, 9])


class Kept(unittest.TestCase):
    def test_kept_files_are_what_the_generator_makes(self):
        for name in ("result_one.json", "result_three.json"):
            with open(os.path.join(TESTS, "data", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), data.text_of(name))


@needs_matplotlib
class Charts(Folder):
    def result(self, made):
        return plot.Result(self.write(made))

    def texts(self, figure):
        """Every text of a figure."""
        import matplotlib.text
        return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]

    def says(self, figure, part):
        texts = self.texts(figure)
        self.assertTrue(any(part in text for text in texts), "%r is not in %r" % (part, texts))

    def test_each_implementation_looks_its_own_way(self):
        result = self.result(data.make_eight())
        result.identities = ["map/%d" % i for i in range(32)]
        looks = [tuple(result.look(identity).values()) for identity in result.identities]
        self.assertEqual(len(set(looks)), 32)
        self.assertEqual(len({look[:2] for look in looks}), 32)  # without the line, in a scatter, too
        self.assertEqual(len({look[0] for look in looks[:8]}), 8)

    def test_throughput_leaves_out_what_failed_and_says_so(self):
        result = self.result(data.make_three())
        figure = plot.draw_throughput(result)
        self.says(figure, "Left out: map/gamma+reclaim/one at 2 threads (contents).")
        self.says(figure, "Hollow: untrustworthy (contended).")
        self.says(figure, "Mops/s (wall time)")
        self.says(figure, "invented machine, 4 cores, 4 PUs")
        axes = figure.axes[0]
        broken = [line for line in axes.lines if any(y != y for y in line.get_ydata())]
        self.assertEqual(len(broken), 1)
        self.assertEqual(broken[0].get_color(), result.look("map/gamma+reclaim/one")["color"])
        hollow = [line for line in axes.lines if line.get_marker() == "s" and line.get_markerfacecolor() == "white"]
        self.assertEqual([list(line.get_xdata()) for line in hollow], [[4]])
        self.assertNotIn("map/solo", "".join(self.texts(figure)))  # skipped everywhere

    def test_throughput_has_an_interval_at_each_point(self):
        result = self.result(data.make_one())
        figure = plot.draw_throughput(result)
        from matplotlib.container import ErrorbarContainer
        bars = [item for item in figure.axes[0].containers if isinstance(item, ErrorbarContainer)]
        self.assertEqual(len(bars), 3)
        row = next(row for row in result.rows if row.threads == 4 and not row.floor)
        drawn = [segment for bar in bars for segment in bar.lines[2][0].get_segments() if segment[0][0] == 4]
        self.assertAlmostEqual(drawn[0][0][1], row.mops[1])
        self.assertAlmostEqual(drawn[0][1][1], row.mops[2])

    def test_floor_is_shown_and_never_ranked(self):
        made = data.make_one()
        figure = plot.draw_throughput(self.result(made))
        self.says(figure, "floor (harness cost) off the scale: ")
        for cell in made["cells"]:
            for sample in cell["rounds"] if cell["floor"] else []:
                for thread in sample["threads"]:
                    thread["ops"] //= 20
        figure = plot.draw_throughput(self.result(made))
        dashed = [line for line in figure.axes[0].lines if line.get_color() == plot.FLOOR_COLOUR]
        self.assertEqual([line.get_linestyle() for line in dashed], ["--"])
        self.assertNotIn("map/null", "".join(self.texts(figure)))

    def test_few_have_labels_many_a_legend(self):
        figure = plot.draw_throughput(self.result(data.make_three()))
        self.assertIsNone(figure.axes[0].get_legend())
        self.says(figure, "map/beta[shards=4]")
        figure = plot.draw_throughput(self.result(data.make_eight()))
        self.assertEqual([text.get_text() for text in figure.axes[0].get_legend().get_texts()], data.NAMES)
        self.says(figure, "more threads\nthan PUs")

    def test_one_number_of_threads_is_bars(self):
        made = data.make_three()
        made["cells"] = [cell for cell in made["cells"] if cell["threads"] == 4]
        figure = plot.draw_throughput(self.result(made))
        self.assertEqual(len(figure.axes[0].patches), 3)
        self.says(figure, "throughput, 4 threads")

    def test_phases_are_panels(self):
        made = data.make_one()
        made["points"][0]["phases"] = [{"name": "load"}, {"name": "run"}]
        for cell in made["cells"]:
            cell["rounds"] += [dict(sample, phase=1) for sample in cell["rounds"]]
        figure = plot.draw_throughput(self.result(made))
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], ["phase load", "phase run"])

    def test_latency_is_logarithmic_and_names_its_time(self):
        figure = plot.draw_latency(self.result(data.make_sweep()))
        self.assertEqual(len(figure.axes), 4)  # service and response, one and two threads
        self.assertEqual({axes.get_yscale() for axes in figure.axes}, {"log"})
        self.says(figure, "response time (from the intended start)")
        self.says(figure, "p99.9")
        self.says(figure, "at keys.count=10000000")

    def test_memory_and_scatter(self):
        result = self.result(data.make_three())
        figure = plot.draw_memory(result)
        self.says(figure, "bytes per element, 4 threads")
        self.assertEqual(sorted(round(bar.get_width(), 1) for bar in figure.axes[0].patches),
                         [36.0, 41.4, 48.0, 55.2, 64.0, 73.6])
        figure = plot.draw_scatter(result)
        self.says(figure, "bytes per element after churn")
        self.assertIsNone(plot.draw_memory(self.result(data.make_one())))

    def test_sweep_by_its_key(self):
        result = self.result(data.make_sweep())
        figure = plot.draw_sweep(result)
        self.assertEqual([axes.get_xscale() for axes in figure.axes], ["log", "log"])
        self.assertEqual([text.get_text() for text in figure.axes[0].get_xticklabels()],
                         ["1000", "10k", "100k", "1M", "10M"])
        self.assertIsNone(plot.draw_throughput(result))
        self.assertIsNone(plot.draw_sweep(self.result(data.make_one())))

    def test_sweep_of_words(self):
        made = data.make_sweep()
        for part in made["points"] + made["groups"] + made["cells"]:
            part["label"] = part["label"].replace("keys.count=1000000", "keys.distribution=word")
            part["label"] = part["label"].replace("keys.count=1", "keys.distribution=other1")
        figure = plot.draw_sweep(self.result(made))
        self.assertEqual({axes.get_xscale() for axes in figure.axes}, {"linear"})

    def test_incomplete_runs_and_other_builds_are_named(self):
        made = data.make_one()
        made["complete"], made["context"]["flavour"] = False, "tsan"
        figure = plot.draw_throughput(self.result(made))
        self.says(figure, "The run was ended before all was measured.")
        self.says(figure, "A tsan build: its timings mean nothing.")

    def test_unknown_fields_are_passed_over(self):
        made = data.make_one()
        made["novelty"] = {"a": 1}
        made["cells"][0]["rounds"][0]["threads"][0]["novelty"] = [1]
        self.assertIsNotNone(plot.draw_throughput(self.result(made)))


class Program(Folder):
    @staticmethod
    def bytes_of(path):
        with open(path, "rb") as file:
            return file.read()

    @needs_matplotlib
    def test_every_chart_as_svg_and_png(self):
        status, out, _ = self.run_plot(self.write(data.make_three()))
        self.assertEqual(status, 0)
        self.assertEqual([os.path.basename(name) for name in out.split()],
                         ["r-%s.%s" % (chart, form) for chart in ("throughput", "latency", "memory", "memory-speed")
                          for form in ("svg", "png")])
        self.assertTrue(all(os.path.getsize(name) > 1000 for name in out.split()))

    @needs_matplotlib
    def test_same_result_same_bytes(self):
        path = self.write(data.make_one())
        contents = []
        for _ in range(2):
            status, out, _ = self.run_plot(path)
            self.assertEqual((status, len(out.split())), (0, 2))
            contents.append([self.bytes_of(name) for name in out.split()])
        self.assertEqual(contents[0], contents[1])

    @needs_matplotlib
    def test_no_figures_is_status_3(self):
        made = data.make_one()
        made["cells"] = []
        status, _, err = self.run_plot(self.write(made))
        self.assertEqual(status, 3)
        self.assertIn("no figures", err)

    @needs_matplotlib
    def test_bad_input_is_one_sentence(self):
        broken = data.make_one()
        del broken["groups"][0]
        for content in ("{", "[]", '{"schema": "memkit.workload/1"}', json.dumps(broken)):
            status, out, err = self.run_plot(self.write(content))
            self.assertEqual((status, out, err.count("\n")), (2, "", 1))
            self.assertIn("r.json: ", err)
        self.assertEqual(self.run_plot(os.path.join(self.folder, "none.json"))[0], 2)

    def test_without_matplotlib_says_what_to_install(self):
        hide = "import sys, runpy; sys.modules['matplotlib'] = None; sys.argv = ['plot.py', %r]; " \
               "runpy.run_path(%r, run_name='__main__')" % (self.write(data.make_one()), PLOT)
        ended = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("install python3-matplotlib", ended.stderr)
        self.assertEqual(ended.stderr.count("\n"), 1)


class Lines(unittest.TestResult):
    """One line a test, as all tests here print them."""

    def name(self, test):
        return "test_plot.py " + test.id().split(".", 1)[-1].replace(".test_", " ")

    def addSuccess(self, test):
        super().addSuccess(test)
        print("ok " + self.name(test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("ok %s # SKIP %s" % (self.name(test), reason))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        print("not ok %s\n    %s" % (self.name(test), self.failures[-1][1].replace("\n", "\n    ")))

    def addError(self, test, error):
        super().addError(test, error)
        print("not ok %s\n    %s" % (self.name(test), self.errors[-1][1].replace("\n", "\n    ")))


if __name__ == "__main__":
    outcome = Lines()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(outcome)
    sys.exit(0 if outcome.wasSuccessful() else 1)
