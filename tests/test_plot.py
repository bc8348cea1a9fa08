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


plot = load(PLOT, "plot")  # and its folder is where the others are found
plot_frame, plot_garbage, plot_heat, plot_memory, plot_resident, plot_result, plot_speed = (
    importlib.import_module("plot_" + name) for name in ("frame", "garbage", "heat", "memory", "resident", "result", "speed"))
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
        self.assertIsNone(plot_result.interval([]))
        self.assertEqual(plot_result.interval([3]), (3, 3, 3))
        self.assertEqual(plot_result.interval([5, 1, 2, 9, 4]), (4, 1, 9))      # 5: 94 %, the widest there is
        self.assertEqual(plot_result.interval([6, 1, 2, 3, 4, 5]), (3.5, 1, 6))  # 6: 97 %
        self.assertEqual(plot_result.interval(list(range(1, 10))), (5, 2, 8))    # 9: second to eighth, 96 %
        self.assertEqual(plot_result.interval(list(range(1, 21))), (10.5, 6, 15))

    def test_wall_time_is_from_first_start_to_last_end(self):
        threads = [{"start_skew_ns": 100, "wall_ns": 1000, "ops": 50},
                   {"start_skew_ns": 300, "wall_ns": 1200, "ops": 20}, {"wall_ns": 9000, "ops": 0}]
        self.assertAlmostEqual(plot_result.mops_of({"threads": threads}), 70e3 / 1400)
        self.assertIsNone(plot_result.mops_of({"threads": []}))

    def test_process_is_the_unit(self):
        def timed(process, ops, **more):
            return {"process": process, "threads": [{"ops": ops, "wall_ns": 1000}], **more}
        cell = {"rounds": [timed(0, 10), timed(0, 1000), timed(0, 12), timed(1, 20), timed(1, 7, phase=1),
                           timed(1, 9, sort="latency")]}
        self.assertEqual(plot_result.throughput(cell, 0), (16, 12, 20))
        self.assertEqual(plot_result.throughput(cell, 1), (7, 7, 7))
        self.assertIsNone(plot_result.throughput(cell, 2))

    def test_bins_and_percentiles(self):
        for ns in (0, 1, 255, 256, 257, 1000, 123456, 10**12):
            middle = plot_result.bin_middle_ns(data.bin_of(ns))
            self.assertLessEqual(abs(middle - ns), ns / 256)
        samples = [{"bin": [data.bin_of(100), data.bin_of(5000)], "bin_count": [98, 1], "max_ns": 5001},
                   {"bin": [data.bin_of(9000)], "bin_count": [1], "max_ns": 9001}]
        self.assertEqual(plot_result.percentile(samples, 50), 100)
        self.assertEqual(plot_result.percentile(samples, 98), 100)
        self.assertAlmostEqual(plot_result.percentile(samples, 99), 5000, delta=20)
        self.assertEqual(plot_result.percentile(samples, 100), 9001)

    def test_unknown_bytes_are_not_zero(self):
        cell = {"memory": [{"elements_fill": 10, "structure_bytes_fill": 480, "elements_churn": None,
                            "structure_bytes_churn": 5}]}
        self.assertEqual(plot_result.bytes_per_element(cell, "fill"), 48)
        self.assertIsNone(plot_result.bytes_per_element(cell, "churn"))
        self.assertIsNone(plot_result.bytes_per_element({}, "fill"))
        self.assertIsNone(plot_result.bytes_per_element(cell, "fill", "rss"))
        unseen = {"memory": [{"elements_fill": 10, "structure_bytes_fill": 9, "rss_bytes_fill": 640}]}
        self.assertIsNone(plot_result.bytes_per_element(unseen, "fill"))  # less than a byte each: a library's own
        self.assertEqual(plot_result.bytes_per_element(unseen, "fill", "rss"), 64)

    def test_labels_keep_apart_and_near(self):
        self.assertEqual(plot_frame.spread([1, 100], 10), [1, 100])
        placed = plot_frame.spread([50, 50, 51, 200], 10)
        self.assertTrue(all(b - a >= 10 - 1e-9 for a, b in zip(placed, placed[1:])))
        self.assertAlmostEqual(sum(placed[:3]) / 3, 151 / 3)
        self.assertEqual(placed[3], 200)

    def test_swept_keys(self):
        self.assertEqual(plot_result.swept("keys.count=1000 value_bytes=64"), {"keys.count": "1000", "value_bytes": "64"})
        self.assertEqual(plot_result.swept(""), {})
        self.assertEqual(plot_result.some(list(range(10)), 3), [0, 4, 9])


class Kept(unittest.TestCase):
    def test_kept_files_are_what_the_generator_makes(self):
        for name in ("result_one.json", "result_three.json"):
            with open(os.path.join(TESTS, "data", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), data.text_of(name))


@needs_matplotlib
class Charts(Folder):
    def result(self, made):
        return plot_result.Result(self.write(made))

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
        figure = plot_speed.draw_throughput(result)
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
        figure = plot_speed.draw_throughput(result)
        from matplotlib.container import ErrorbarContainer
        bars = [item for item in figure.axes[0].containers if isinstance(item, ErrorbarContainer)]
        self.assertEqual(len(bars), 3)
        row = next(row for row in result.rows if row.threads == 4 and not row.floor)
        drawn = [segment for bar in bars for segment in bar.lines[2][0].get_segments() if segment[0][0] == 4]
        self.assertAlmostEqual(drawn[0][0][1], row.mops[1])
        self.assertAlmostEqual(drawn[0][1][1], row.mops[2])

    def test_floor_is_shown_and_never_ranked(self):
        made = data.make_one()
        figure = plot_speed.draw_throughput(self.result(made))
        self.says(figure, "floor (harness cost) off the scale: ")
        for cell in made["cells"]:
            for sample in cell["rounds"] if cell["floor"] else []:
                for thread in sample["threads"]:
                    thread["ops"] //= 20
        figure = plot_speed.draw_throughput(self.result(made))
        dashed = [line for line in figure.axes[0].lines if line.get_color() == plot_frame.FLOOR_COLOUR]
        self.assertEqual([line.get_linestyle() for line in dashed], ["--"])
        self.assertNotIn("map/null", "".join(self.texts(figure)))

    def test_few_have_labels_many_a_legend(self):
        figure = plot_speed.draw_throughput(self.result(data.make_three()))
        self.assertIsNone(figure.axes[0].get_legend())
        self.says(figure, "map/beta[shards=4]")
        figure = plot_speed.draw_throughput(self.result(data.make_eight()))
        self.assertEqual([text.get_text() for text in figure.axes[0].get_legend().get_texts()], data.NAMES)
        self.says(figure, "shaded: more threads than PUs")

    def test_one_number_of_threads_is_bars(self):
        made = data.make_three()
        made["cells"] = [cell for cell in made["cells"] if cell["threads"] == 4]
        figure = plot_speed.draw_throughput(self.result(made))
        self.assertEqual(len(figure.axes[0].patches), 3)
        self.says(figure, "Throughput, 4 threads")

    def test_phases_are_panels(self):
        made = data.make_one()
        made["points"][0]["phases"] = [{"name": "load"}, {"name": "run"}]
        for cell in made["cells"]:
            cell["rounds"] += [dict(sample, phase=1) for sample in cell["rounds"]]
        figure = plot_speed.draw_throughput(self.result(made))
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], ["phase load", "phase run"])

    def test_latency_is_logarithmic_and_names_its_time(self):
        figure = plot_speed.draw_latency(self.result(data.make_sweep()))
        self.assertEqual(len(figure.axes), 4)  # service and response, one and two threads
        self.assertEqual({axes.get_yscale() for axes in figure.axes}, {"log"})
        self.says(figure, "response time (from the intended start)")
        self.says(figure, "p99.9")
        self.says(figure, "at keys.count=10000000")

    def test_memory_and_scatter(self):
        result = self.result(data.make_three())
        figure = plot_memory.draw_memory(result)
        self.says(figure, "Bytes per element, 4 threads")
        self.assertEqual(sorted(round(bar.get_width(), 1) for bar in figure.axes[0].patches),
                         [36.0, 41.4, 48.0, 55.2, 64.0, 73.6])
        figure = plot_memory.draw_scatter(result)
        self.says(figure, "bytes per element after churn")
        self.assertIsNone(plot_memory.draw_memory(self.result(data.make_one())))

    def test_sweep_by_its_key(self):
        result = self.result(data.make_sweep())
        figure = plot_speed.draw_sweep(result)
        self.assertEqual([axes.get_xscale() for axes in figure.axes], ["log", "log"])
        self.assertEqual([text.get_text() for text in figure.axes[0].get_xticklabels()],
                         ["1000", "10k", "100k", "1M", "10M"])
        self.assertIsNone(plot_speed.draw_throughput(result))
        self.assertIsNone(plot_speed.draw_sweep(self.result(data.make_one())))

    def test_sweep_of_words(self):
        made = data.make_sweep()
        for part in made["points"] + made["groups"] + made["cells"]:
            part["label"] = part["label"].replace("keys.count=1000000", "keys.distribution=word")
            part["label"] = part["label"].replace("keys.count=1", "keys.distribution=other1")
        figure = plot_speed.draw_sweep(self.result(made))
        self.assertEqual({axes.get_xscale() for axes in figure.axes}, {"linear"})

    def test_incomplete_runs_and_other_builds_are_named(self):
        made = data.make_one()
        made["complete"], made["context"]["flavour"] = False, "tsan"
        figure = plot_speed.draw_throughput(self.result(made))
        self.says(figure, "The run was ended before all was measured.")
        self.says(figure, "A tsan build: its timings mean nothing.")

    def test_unknown_fields_are_passed_over(self):
        made = data.make_one()
        made["novelty"] = {"a": 1}
        made["cells"][0]["rounds"][0]["threads"][0]["novelty"] = [1]
        self.assertIsNotNone(plot_speed.draw_throughput(self.result(made)))


def drawn_texts(figure):
    """(text, its box in pixels, rotation) of everything written when the figure is drawn."""
    import matplotlib.text
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    canvas, plain, found = FigureCanvasAgg(figure), matplotlib.text.Text.draw, []
    canvas.draw()  # once for the layout

    def draw(text, renderer, *more, **other):
        if text.get_visible() and text.get_text().strip():
            found.append((text.get_text(), matplotlib.text.Text.get_window_extent(text, renderer), text.get_rotation()))
        return plain(text, renderer, *more, **other)

    matplotlib.text.Text.draw = draw
    try:
        canvas.draw()
    finally:
        matplotlib.text.Text.draw = plain
    return found


def overlapping(texts):
    """Pairs of texts that lie upon each other; boxes of slanted ones are larger than they."""
    return [(a[0], b[0]) for i, a in enumerate(texts) for b in texts[:i]
            if not (a[2] % 90 and b[2] % 90) and
            min(a[1].x1, b[1].x1) - max(a[1].x0, b[1].x0) > 1 and min(a[1].y1, b[1].y1) - max(a[1].y0, b[1].y0) > 1]


@needs_matplotlib
class Readable(Folder):
    """No text lies upon another, or leaves the figure: with few implementations, and with 25."""

    def check(self, figure, name):
        texts, (width, height) = drawn_texts(figure), figure.get_size_inches() * figure.dpi
        self.assertTrue(texts, name)
        self.assertEqual(overlapping(texts), [], name)
        outside = [text for text, box, _ in texts
                   if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1]
        self.assertEqual(outside, [], name)

    def check_all(self, made, wanted):
        result = plot_result.Result(self.write(made))
        charts = dict(plot.CHARTS, heat=lambda one: plot_heat.draw_heat([one]))
        figures = {name: chart(result) for name, chart in charts.items()}
        self.assertEqual([name for name, figure in figures.items() if figure is not None], wanted)
        for name, figure in figures.items():
            if figure is not None:
                self.check(figure, name)

    def test_this_test_sees_an_overlap(self):
        from matplotlib.figure import Figure
        figure = Figure()
        figure.text(0.5, 0.5, "one")
        figure.text(0.51, 0.51, "two")
        figure.text(0.98, 0.1, "over the edge")
        texts = drawn_texts(figure)
        self.assertEqual(overlapping(texts), [("two", "one")])
        with self.assertRaises(AssertionError):
            self.check(figure, "made")

    def test_three(self):
        self.check_all(data.make_three(), ["throughput", "latency", "memory", "memory-speed", "heat"])

    def test_eight_on_more_threads_than_there_are_pus(self):
        self.check_all(data.make_eight(), ["throughput", "latency", "memory", "memory-speed", "heat"])

    def test_25(self):
        self.check_all(data.make_many(), ["throughput", "latency", "memory", "memory-speed", "heat"])

    def test_a_sweep(self):
        # no table: where operations come on schedule, throughput is the schedule's
        self.check_all(data.make_sweep(), ["sweep", "latency", "memory", "memory-speed"])

    def test_a_course(self):
        wanted = ["throughput", "latency", "memory", "memory-speed", "resident"]
        self.check_all(data.make_course(), wanted)
        self.check_all(data.make_course([name.replace("map/", "alloc/") for name in data.MANY], kept=400_000), wanted)
        figure = plot_resident.draw_resident(plot_result.Result(self.write(data.make_course())))
        left, right = figure.axes[:2]
        rss = [line.get_ydata()[-1] for line in left.lines]
        self.assertEqual(rss, [8_900_000, 10_500_000, 12_100_000])
        self.assertEqual([list(line.get_ydata()) for line in right.lines],
                         [[890_000] * 3, [10_500_000, 1_050_000, 1_050_000], [12_100_000] * 3])
        self.assertEqual([text.get_text() for text in right.get_legend().get_texts()],
                         ["alloc/gamma: 1.51", "alloc/beta[size=4]: 1.31", "alloc/alpha: 1.11"])
        self.assertIsNone(plot_resident.draw_resident(plot_result.Result(self.write(data.make_three()))))

    def test_a_course_that_is_not_whole(self):
        made = data.make_course()
        del made["cells"][0]["memory"][0]["course_rss_bytes"][7]
        with self.assertRaises(plot_result.Trouble):
            plot_result.Result(self.write(made))

    def test_stalled(self):
        self.check_all(data.make_stalled(), ["throughput", "garbage"])
        self.check_all(data.make_stalled(threads=(2, 3, 4)), ["throughput", "garbage", "heat"])

    def test_25_stalled(self):
        self.check_all(data.make_stalled([name.replace("map/", "reclaim/") for name in data.MANY]),
                       ["throughput", "garbage"])

    def test_sizes(self):
        self.check_all(data.make_doubling(), ["sweep", "memory", "memory-speed", "memory-size", "heat"])
        self.check_all(data.make_doubling(data.MANY), ["sweep", "memory", "memory-speed", "memory-size", "heat"])

    def test_a_table_of_several_files(self):
        results = [plot_result.Result(self.write(made, "r%d.json" % number)) for number, made in
                   enumerate((data.make_three(), data.make_many(), data.make_stalled(), data.make_sweep()))]
        self.check(plot_heat.draw_heat(results), "heat")


@needs_matplotlib
class Garbage(Folder):
    def result(self, made):
        return plot_result.Result(self.write(made))

    def test_a_line_for_each_and_a_shade_where_the_reader_stands(self):
        result = self.result(data.make_stalled())
        axes = plot_garbage.draw_garbage(result).axes[0]
        named = [line for line in axes.lines if not line.get_label().startswith("_")]
        self.assertEqual([line.get_label() for line in named], result.identities)
        spans = [(patch.get_xy()[:, 0].min(), patch.get_xy()[:, 0].max()) for patch in axes.patches]
        self.assertEqual(spans, [(150, 250)])
        self.assertEqual(axes.get_yscale(), "symlog")  # 1.6 MB beside less than 1 kB
        self.assertEqual(axes.get_ylabel(), "retired and not yet freed (bytes)")
        alpha = dict(zip(named[0].get_xdata(), named[0].get_ydata()))
        before = [value for time, value in alpha.items() if time < 148]
        at_end = [value for time, value in alpha.items() if 240 < time < 250]
        self.assertLess(max(before), 1000)
        self.assertGreater(min(at_end), 1_300_000)

    def test_peaks_are_the_reclaimers_own_and_the_bound_is_said(self):
        made = data.make_stalled()
        made["cells"][0]["rounds"][3]["peak_unreclaimed_bytes"] = 123_000_000
        figure = plot_garbage.draw_garbage(self.result(made))
        legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        self.assertEqual(legend[0], "reclaim/alpha\npeak 123 MB, unbounded")
        self.assertRegex(legend[2], r"^reclaim/beta\npeak [0-9]+ B, bounded$")

    def test_near_peaks_are_linear(self):
        made = data.make_stalled(names=("reclaim/beta", "reclaim/beta2"))
        del made["cells"][0]
        axes = plot_garbage.draw_garbage(self.result(made)).axes[0]
        self.assertEqual((axes.get_yscale(), axes.get_ylim()[0]), ("linear", 0))

    def test_nodes_where_bytes_are_unknown(self):
        made = data.make_stalled()
        for cell in made["cells"]:
            for sample in cell["rounds"]:
                for seen in sample.get("garbage", []):
                    seen["bytes"] = []
        figure = plot_garbage.draw_garbage(self.result(made))
        self.assertEqual(figure.axes[0].get_ylabel(), "retired and not yet freed (nodes)")
        self.assertIn(" nodes, unbounded", figure.axes[0].get_legend().get_texts()[0].get_text())

    def test_what_failed_is_left_out_and_without_looks_there_is_no_chart(self):
        made = data.make_stalled()
        made["cells"][1]["verdict"] = "fail"
        axes = plot_garbage.draw_garbage(self.result(made)).axes[0]
        self.assertNotIn("reclaim/beta", [line.get_label() for line in axes.lines])
        self.assertIsNone(plot_garbage.draw_garbage(self.result(data.make_three())))

    def test_rounds_that_ended_early_do_not_end_the_line(self):
        made = data.make_stalled()
        for sample in made["cells"][0]["rounds"][:2]:
            for key in ("at_ns", "nodes", "bytes"):
                sample["garbage"][0][key] = sample["garbage"][0][key][:100]
        times, _ = plot_garbage.over_time(self.result(made).rows[0], "bytes")
        self.assertGreater(times[-1], 390)


@needs_matplotlib
class Sizes(Folder):
    def test_bytes_over_a_doubling(self):
        result = plot_result.Result(self.write(data.make_doubling()))
        figure = plot_memory.draw_sizes(result)
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], ["after filling", "after churn"])
        rows = [row for row in result.rows if row.identity == "map/alpha"]
        line = figure.axes[0].lines[0]
        self.assertEqual(list(line.get_xdata()), sorted(row.entries for row in rows))
        self.assertEqual(len(line.get_xdata()), 8)
        mean = sum(row.fill for row in rows) / 8, sum(row.churn for row in rows) / 8
        legend = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
        self.assertIn("map/alpha: mean %.1f, %.1f B" % mean, legend)
        self.assertEqual(len(legend), 3)
        texts = " ".join(text for text, _, _ in drawn_texts(figure))
        self.assertIn("Bytes unknown: map/unseen.", texts)
        self.assertIn("Means are over a doubling.", texts.replace("\n", " "))

    def test_what_is_no_doubling_is_not_called_one(self):
        self.assertEqual(plot_memory.extent([1000, 1189, 1414, 1682]), "a doubling")
        self.assertEqual(plot_memory.extent([1000, 1189, 1414]), "3 sizes")
        self.assertEqual(plot_memory.extent([1000, 1500, 2000, 4000]), "4 sizes")
        self.assertIsNone(plot_memory.draw_sizes(plot_result.Result(self.write(data.make_three()))))
        few = plot_result.Result(self.write(data.make_doubling(sizes=3)))
        self.assertIsNone(plot_memory.draw_sizes(few))

    def test_which_bytes_are_shown_is_said(self):
        made = data.make_doubling()
        for cell in made["cells"]:
            for memory in cell["memory"]:
                memory["rss_bytes_fill"], memory["rss_bytes_churn"] = 100 * memory["elements_fill"], None
        figure = plot_memory.draw_sizes(plot_result.Result(self.write(made), "rss"))
        texts = " ".join(text for text, _, _ in drawn_texts(figure))
        self.assertIn("Rss bytes an entry", texts)
        self.assertIn("map/unseen: mean 100.0 B", texts)
        self.assertEqual(len(figure.axes), 1)  # nothing is known after churn


@needs_matplotlib
class Heat(Folder):
    def texts(self, *files):
        results = [plot_result.Result(self.write(made, "r%d.json" % number)) for number, made in enumerate(files)]
        figure = plot_heat.draw_heat(results)
        return [text.get_text() for text in figure.axes[0].texts], figure, results

    def test_shares_values_and_what_is_missing(self):
        texts, _, results = self.texts(data.make_three())
        rows = {(row.identity, row.threads): row for row in results[0].all}
        share = rows["map/gamma+reclaim/one", 1].mops[0] / rows["map/alpha", 1].mops[0]
        self.assertIn("%.2f" % share, texts)
        self.assertIn("%.0f Mops/s" % rows["map/alpha", 4].mops[0], texts)
        self.assertEqual(texts.count("failed [1]"), 1)
        self.assertEqual(len([text for text in texts if text.endswith("Mops/s *")]), 1)  # contended
        notes = texts[-1].replace("\n", " ")
        self.assertIn("[1] failed its check: contents", notes)
        self.assertIn("*: untrustworthy (contended).", notes)
        self.assertNotIn("map/solo", texts)  # ran nowhere
        self.assertNotIn("map/null", texts)

    def test_skips_have_their_reason(self):
        texts, _, _ = self.texts(data.make_many())
        self.assertEqual(texts.count("not run [2]"), 3)
        self.assertIn("[2] not concurrent", texts[-1])

    def test_colours_follow_the_share(self):
        import matplotlib
        from matplotlib.patches import Rectangle
        _, figure, results = self.texts(data.make_three())
        cells = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
        self.assertEqual(len(cells), 9)
        colours = matplotlib.colormaps[plot_heat.COLOURS]
        columns, _ = plot_heat.columns_of(results)
        wanted = colours(columns[0].share("map/gamma+reclaim/one"))
        self.assertIn(wanted, [cell.get_facecolor() for cell in cells])

    def test_several_files_are_told_apart_by_kind_and_name(self):
        texts, _, _ = self.texts(data.make_three(), data.make_stalled())
        self.assertIn("map", texts)
        self.assertIn("reclaim", texts)
        self.assertIn("test-three\n1 thread", texts)
        self.assertLess(texts.index("map"), texts.index("reclaim"))
        texts, _, _ = self.texts(data.make_three(), data.make_three())
        self.assertIn("test-three (r1)\n1 thread", texts)

    def test_another_shard_is_no_skip(self):
        made = data.make_three()
        made["cells"][0].update(elsewhere=True, rounds=[], memory=[], checks=[])
        texts, _, _ = self.texts(made)
        self.assertIn("belongs to a shard that is not in the result", texts[-1].replace("\n", " "))

    def test_too_many_columns_are_fewer_and_said(self):
        made = data.make_sweep()
        for point in made["points"]:
            point["phases"][0]["paced"] = False
        results = [plot_result.Result(self.write(made, "r%d.json" % number)) for number in range(6)]
        columns, left = plot_heat.columns_of(results)
        self.assertEqual((len(columns), left), (24, "24 of 60 columns are shown."))
        self.assertEqual({column.threads for column in columns}, {2})

    def test_one_column_is_no_table(self):
        self.assertIsNone(plot_heat.draw_heat([plot_result.Result(self.write(data.make_stalled()))]))
        self.assertIsNone(plot_heat.draw_heat([plot_result.Result(self.write(data.make_one()))]))


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
                         ["r-%s.%s" % (chart, form) for chart in ("throughput", "latency", "memory", "memory-speed", "heat")
                          for form in ("svg", "png")])
        self.assertTrue(all(os.path.getsize(name) > 1000 for name in out.split()))

    @needs_matplotlib
    def test_several_results_have_one_table(self):
        status, out, _ = self.run_plot(self.write(data.make_one(), "a.json"), self.write(data.make_three(), "b.json"))
        names = [os.path.basename(name) for name in out.split()]
        self.assertEqual(status, 0)
        self.assertIn("a-throughput.png", names)
        self.assertEqual([name for name in names if "heat" in name], ["heat.svg", "heat.png"])

    @needs_matplotlib
    def test_bytes_that_do_not_exist_are_refused(self):
        with self.assertRaises(SystemExit) as ended:
            self.run_plot(self.write(data.make_one()), "--bytes", "all")
        self.assertEqual(ended.exception.code, 2)

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
        garbled = data.make_stalled()
        garbled["cells"][0]["rounds"][0]["garbage"] = [{"thread": 0, "nodes": [1], "at_ns": "now"}]
        short = data.make_stalled()
        del short["cells"][0]["rounds"][0]["garbage"][0]["at_ns"][7]
        for content in ("{", "[]", '{"schema": "memkit.workload/1"}', json.dumps(broken), json.dumps(garbled),
                        json.dumps(short)):
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
