# memkit-bench. `make help` lists what can be made; everything is built under build/$(FLAVOUR)/.
# There is no list of sources: a file added, copied, renamed or deleted under impl/, harness/ or
# tests/ is seen by the next make (scripts/units turns impl/ into rules).
MAKEFLAGS += --no-builtin-rules --no-print-directory
FLAVOUR ?= release
FLAVOURS ?= release asan tsan model
BUILDS ?= $(FLAVOURS)
WITH_PAPI ?= 1
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
CROSS ?= aarch64-linux-gnu
ifeq ($(origin CC),default)
CC = gcc
endif
B := build/$(FLAVOUR)
Q := $(if $(V),,@)

optimise_release = -O2 -g
optimise_debug = -Og -g -DMK_DEBUG -DMK_POINTS
optimise_tsan = -O1 -g1 -fno-omit-frame-pointer -fno-builtin-memcpy -fno-builtin-memmove -fno-builtin-memset -DMK_POINTS
optimise_asan = -O1 -g1 -fno-omit-frame-pointer -DMK_POINTS
optimise_model = -O2 -g -DMK_MODEL
sanitize_tsan = -fsanitize=thread
sanitize_asan = -fsanitize=address,undefined -fno-sanitize-recover=undefined
sanitize := $(sanitize_$(FLAVOUR))
optimise := $(or $(optimise_$(FLAVOUR)),$(error there is no flavour $(FLAVOUR): it is release, debug, tsan, asan or model))
packages := hwloc libcjson $(filter-out 0,$(WITH_PAPI:1=papi))
cppflags = -D_GNU_SOURCE -DMK_FLAVOUR='"$(FLAVOUR)"' -DMK_WITH_PAPI=$(WITH_PAPI) $(package_cflags) $(CPPFLAGS)
cflags = -std=c11 $(optimise) $(sanitize) -Wall -Wextra -Wshadow -Wstrict-prototypes -Wpointer-arith \
  -Werror=implicit-function-declaration -pthread $(CFLAGS)
# Keeps the folder out of what is built, and, but for debug, where variables are at each instruction, which takes a
# quarter of the time to compile; no part of the flags that are recorded and compared.
unrecorded = -ffile-prefix-map=$(CURDIR)=. $(if $(filter debug,$(FLAVOUR)),,-fno-var-tracking)
libs = $(package_libs) $(PEER_LIBS) -ldl -lm -pthread
# Of a plug-in: only mk_plugin is seen from outside.
so_flags = -fPIC -fvisibility=hidden -DMK_PLUGIN -DMK_HEADER_HASH=$(shell scripts/build_info hash)u

# The model flavour: implementations and scenarios are compiled with hooks (scripts/model_object, which checks that
# nothing escapes them), the harness and the runtime behind the hooks without. The program is linked to fixed addresses,
# so that a schedule is the same in every process, and shows the hooks to plug-ins.
model := $(filter model,$(FLAVOUR))
model_flags := $(if $(model),$(shell scripts/model_object --flags $(CC)))
model_lists := $(if $(model),harness/model/symbols.txt harness/model/allowed.txt scripts/model_object)
ldflags_model = -no-pie -Wl,--dynamic-list=harness/model/exports.txt
# Objects of the harness that hold locks while implementations are called, so that others may go on meanwhile: their
# locks have to be the runtime's. Nothing else in them is touched.
model_locks := $(if $(model),$(B)/harness/compose_mem.o)

scenarios := $(patsubst %.c,$(B)/%.o,$(wildcard workloads/scenarios/*.c))
harness := $(patsubst %.c,$(B)/%.o,$(wildcard harness/*.c $(filter-out $(if $(model),,harness/model/%),$(wildcard \
  harness/*/*.c)))) $(scenarios)
parts_of_tests = $(filter-out %/harness/main.o,$(harness)) $(UNITS) $(B)/inputs
tests := $(patsubst %.c,$(B)/%,$(filter-out tests/test_main.c,$(wildcard tests/test_*.c)))
fuzzers := $(patsubst %.c,$(B)/%,$(filter-out tests/fuzz_main.c,$(wildcard tests/fuzz_*.c)))
judges := $(patsubst %.c,$(B)/%,$(wildcard bench/judge_*.c))
stubs := $(patsubst %.c,$(B)/%.so,$(wildcard tests/stub_*.c))
# What tests/test_preload_*.py start, where there are libraries to start it under.
of_probes := $(addprefix $(B)/tests/preload/,probe own_malloc loaded.so broken.so $(if $(shell command -v $(CXX)),probe_cxx))
probes := $(if $(filter release debug,$(FLAVOUR)),$(of_probes))
# A program that is run under each malloc that there is, and what counts its calls.
scenarios_of_malloc := $(if $(filter release,$(FLAVOUR)),$(addprefix $(B)/bench/,malloc_scenarios malloc_count.so))
ifdef model
# Those of the runtime alone: the others have nothing to do with it, and run in the other flavours.
tests := $(patsubst %.c,$(B)/%,$(wildcard tests/model/test_*.c))
model_programs := $(patsubst %.c,$(B)/%.o,$(wildcard tests/model/programs/*.c))
model_stack := $(B)/bench/model_stack.o
judges := $(B)/bench/model
fuzzers :=
stubs :=
endif
# make check builds fewer compositions for the flavours that find faults in code, which compile for longest; and of
# ThreadSanitizer's tests not those that have one thread, nor the hunt for defects of single cases, which two others show.
few := $(if $(filter 1,$(FEW)),$(if $(filter asan tsan model,$(FLAVOUR)),--few))
left_out := $(if $(few),$(if $(filter tsan,$(FLAVOUR)),$(addprefix $(B)/tests/test_,hash_quality keys planted_conformance)))
# Of the planted bugs, make check builds those that it hunts in this flavour (PLANTED names the builds it has); else all.
ifdef PLANTED
hunted := $(patsubst %,$(B)/tests/planted/%.so,$(shell $(PYTHON) tests/planted/plants.py $(FLAVOUR) $(PLANTED)))
else
hunted := $(foreach p,$(patsubst %.c,$(B)/%,$(wildcard tests/planted/*.c)),$(p).so $(p)-twin.so)
endif
twins := $(filter %-twin.so,$(hunted))
plants := $(filter-out $(twins),$(hunted)) $(patsubst %.c,$(B)/%.so,$(wildcard $(if \
  $(model),tests/model/plugins,tests/planted_*)/*.c))
comma := ,
# What implementations are made against; record.h is for the programs of others and stands alone.
contracts := $(filter-out impl/record.h,$(wildcard impl/*.h))
so := $(B)/so/$(subst /,-,$(IMPL)).so
# What programs are run under (LD_PRELOAD): preload/NAME/*.c make libmemkit-NAME.so, with what with_NAME takes from the
# rest of the tree; preload/malloc is libmemkit.so. Not where a sanitizer or the model has malloc to itself.
preload_names := $(if $(filter release debug,$(FLAVOUR)),$(patsubst preload/%/,%,$(wildcard preload/*/)))
preload_of = $(B)/libmemkit$(if $(filter-out malloc,$(1)),-$(1)).so
preload_objects = $(patsubst %.c,$(B)/pic/%.o,$(wildcard preload/$(1)/*.c) $(with_$(1)))
preloads := $(foreach name,$(preload_names),$(call preload_of,$(name)))
preload_flags = -fPIC -fvisibility=hidden -ftls-model=initial-exec -ffunction-sections -fno-builtin-malloc \
  -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc -fno-builtin-posix_memalign
with_malloc := $(addprefix harness/,compose.c compose_mem.c record.c registry.c) \
  $(filter-out %/libc.c %/null.c %/thread_local.c,$(wildcard impl/alloc/*.c))

submake = $(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
say = @$(if $(V),,printf '  %-3s %s\n' $(1) $@;) mkdir -p $(@D)
# $(call keep,FILE) makes FILE of standard input, and leaves it alone when that would change nothing.
keep = cat >$(1).$$$$ && if cmp -s $(1).$$$$ $(1); then rm $(1).$$$$; else mv $(1).$$$$ $(1); fi
define compile
$(call say,CC)
$(Q)$(CC) $(cppflags) $(1) $(cflags) $(unrecorded) -MMD -MP -c $< -o $@
endef
define compile_model
$(call say,CC)
$(Q)scripts/model_object -o $@ -- $(CC) $(cppflags) $(1) $(cflags) $(unrecorded) $(model_flags) -MMD -MP \
  -MF $(@:.o=.d) -MT $@ -c $<
endef
# Peers on libraries of templates.
define unit_cxx
$(call say,CXX)
$(Q)$(CXX) $(cppflags) $(1) -std=c++17 $(optimise) -Wall -Wextra -Wno-missing-field-initializers -pthread $(CXXFLAGS) \
  $(unrecorded) -MMD -MP -c $< -o $@
endef
# What implementations are made of.
unit = $(if $(model),$(compile_model),$(compile))
define plugin
$(call say,SO)
$(Q)$(if $(model),scripts/model_object --plugin $@ --) $(CC) $(cppflags) $(1) $(cflags) $(unrecorded) $(so_flags) \
  -MMD -MP -MF $(@:.so=.d) -MT $@ $(if $(model),-c $<,-shared $< -o $@)
endef
define link
$(call say,LD)
$(Q)$(CC) $(cflags) $(1) $(LDFLAGS) $(filter %.o,$^) -o $@ $(libs)
endef

all: $(B)/memkit-bench $(B)/memkit.pc $(preloads) ## build/release/memkit-bench; FLAVOUR=debug|tsan|asan|model builds those beside it
objects: $(harness) units ## compile everything, link nothing
tests: $(filter-out $(left_out),$(tests)) $(fuzzers) $(stubs) $(probes) $(scenarios_of_malloc) $(plants) $(twins) ## the test binaries
	@rm -f $(left_out)
so: $(so) ## a plug-in from the tree: IMPL=map/chain+reclaim/leak
demo: setup ## from nothing to a table and a plot: install what is missing, build, run, draw
	+@$(submake) all
	@mkdir -p results plots
	$(B)/memkit-bench workloads/quickstart.json -o results/quickstart.json
	$(PYTHON) scripts/plot.py results/quickstart.json -o plots
check: ## every test; T=name picks some, FLAVOURS="release model" the builds, FEW=0 every composition in each
	+@scripts/setup tests
	+@for f in $(FLAVOURS); do $(submake) all tests FLAVOUR=$$f PLANTED='$(BUILDS)' FEW=$(or $(FEW),1) || exit 1; done
	@PYTHON=$(PYTHON) BUILDS='$(BUILDS)' tests/run $(T)
check-all: ## as check, and the debug flavour, a build by clang, one for aarch64, and 20,000 schedules of each oracle
	+@$(submake) all tests CC=clang B=build/clang
	+@! command -v $(CROSS)-gcc >/dev/null || $(submake) cross
	+@CROSS=$(CROSS) SCHEDULES=20000 MK_LITMUS_SCHEDULES=200000 MK_CONFORM_EFFORT=250 MK_PROGRAMS=all MK_TEST_LIMIT_S=2400 \
	  $(submake) check FEW=0 FLAVOURS='release debug asan tsan model' BUILDS='release debug asan tsan model clang'
cross: ## what conformance needs, for aarch64, without libraries: build/aarch64/tests/alone (scripts/setup cross)
	+@$(submake) build/aarch64/tests/alone CC=$(CROSS)-gcc AR=$(CROSS)-ar B=build/aarch64 packages= WITH_PAPI=0
soak: ## stress every implementation in every build: SOAK_SECONDS=1800; TWINS=1: the twins of the planted bugs
	+@for f in release debug asan tsan model; do $(submake) all $(if $(TWINS),tests) FLAVOUR=$$f || exit 1; done
	@TWINS=$(TWINS) scripts/soak $(SOAK_SECONDS)
bench: all $(judges) $(scenarios_of_malloc) ## the figures of docs/, measured anew
	+@$(submake) all FLAVOUR=tsan
	+@$(submake) tests build/model/bench/model FLAVOUR=model
	scripts/bench
fuzz: ## mutate the corpora of the parsers under asan: FUZZ_SECONDS=60 each
	+@$(submake) tests FLAVOUR=asan
	@set -e; for f in $(notdir $(fuzzers)); do build/asan/tests/$$f -s $(FUZZ_SECONDS) tests/corpus/$${f#fuzz_}; done
setup: ## install what is missing (Debian packages), or say how
	@scripts/setup
install: all ## into $(DESTDIR)$(PREFIX)
	scripts/install install $(B) '$(DESTDIR)' '$(PREFIX)' $(FLAVOUR) '$(sanitize)'
uninstall: ## what install put there
	scripts/install uninstall $(B) '$(DESTDIR)' '$(PREFIX)' $(FLAVOUR)
clean: ## delete build/
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# What goals need that compile here, rather than in a make of their own.
ifneq ($(filter-out help clean setup demo check check-all cross soak fuzz uninstall,$(or $(MAKECMDGOALS),all)),)
missing := $(shell for p in $(packages); do pkg-config --exists $$p || echo $$p; done)
found := $(if $(missing),,$(packages))
package_cflags := $(if $(found),$(shell pkg-config --cflags $(found)))
package_libs := $(if $(found),$(shell pkg-config --libs $(found)))
$(shell mkdir -p $(B) && scripts/units $(few) $(if $(packages),$(FLAVOUR),bare) $(IMPL) | { $(call keep,$(B)/units.mk); })
include $(B)/units.mk
endif
units: $(UNITS)

program = $(call link,$(ldflags_$(FLAVOUR)))
$(B)/memkit-bench: $(harness) $(UNITS) $(B)/inputs $(if $(model),harness/model/exports.txt)
	$(program)
$(tests): $(B)/tests/%: $(B)/tests/%.o $(B)/tests/test_main.o $(model_programs) $(parts_of_tests)
	$(program)
$(fuzzers): $(B)/tests/%: $(B)/tests/%.o $(B)/tests/fuzz_main.o $(parts_of_tests)
	$(call link)
$(judges): %: %.o $(model_programs) $(model_stack) $(parts_of_tests)
	$(program)
define preload_library
$(call preload_of,$(1)): $(call preload_objects,$(1)) $(B)/inputs
	$$(call say,LD)
	$$(Q)$$(CC) $$(cflags) $$(LDFLAGS) -shared -Wl,-Bsymbolic -Wl,-z,now,-z,start-stop-visibility=hidden -Wl,--gc-sections $$(filter %.o,$$^) -o $$@ -ldl -pthread
endef
$(foreach name,$(preload_names),$(eval $(call preload_library,$(name))))
$(B)/pic/%.o: %.c $(B)/flags
	$(call compile,$(preload_flags))
# Of pairs of malloc and free that nothing comes of, too, each is made.
$(B)/bench/malloc/%.o: private unrecorded += $(addprefix -fno-builtin-,malloc calloc realloc free)
$(B)/bench/malloc_scenarios: $(patsubst %.c,$(B)/%.o,$(wildcard bench/malloc/*.c))
	$(call say,LD)
	$(Q)$(CC) -pthread $(LDFLAGS) $^ -o $@ -ldl -lm
$(B)/bench/malloc_count.so: bench/malloc_count.c $(B)/flags
	$(call say,SO)
	$(Q)$(CC) $(cppflags) $(cflags) $(unrecorded) -fno-builtin -fPIC -shared -MMD -MP -MF $(@:.so=.d) -MT $@ $< -o $@
# Conformance alone, of what needs no library, peers left out: for machines that none are installed for.
$(B)/alone.a: $(filter-out $(addprefix $(B)/harness/,main.o json.o topo.o check/%),$(harness))
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/tests/alone: $(B)/tests/test_conformance.o $(B)/tests/test_main.o $(filter $(B)/harness/check/%,$(harness)) \
  $(UNITS) $(B)/alone.a
	$(call say,LD)
	$(Q)$(CC) $(cflags) $(LDFLAGS) $^ -o $@ $(libs)
$(so): $(SO_UNITS)
	$(if $(IMPL),,$(error make so needs IMPL=kind/name, with +part/name behind it where a part is not the default))
	$(call link,-shared -Wl$(comma)-Bsymbolic)
$(SO_UNITS): $(contracts)
$(if $(model),$(UNITS) $(SO_UNITS) $(scenarios) $(model_programs) $(model_stack) $(plants) $(twins) $(model_locks)): $(model_lists)
$(scenarios) $(model_programs) $(model_stack): $(B)/%.o: %.c $(B)/flags
	$(unit)
$(model_locks): $(B)/%.o: %.c $(B)/flags
	$(call say,CC)
	$(Q)scripts/model_object --only 'pthread_|sched_yield' -o $@ -- $(CC) $(cppflags) $(cflags) $(unrecorded) \
	  -MMD -MP -MF $(@:.o=.d) -MT $@ -c $<
$(B)/harness/model/%.o: private unrecorded += -fcf-protection=none -fno-stack-protector -fno-pie
$(B)/%.o: %.c $(B)/flags
	$(call compile)
$(B)/tests/stub_%.so: tests/stub_%.c $(B)/flags
	$(call say,SO)
	$(Q)$(CC) $(cppflags) $(cflags) $(unrecorded) -fPIC -shared -MMD -MP $< -o $@
# Pairs of malloc and free that nothing comes of stay in.
$(B)/tests/preload/%: private unrecorded += -fno-builtin
$(B)/tests/preload/%.o: tests/preload/%.cc $(B)/flags
	$(call unit_cxx)
$(B)/tests/preload/%.so: tests/preload/%.c $(B)/flags
	$(call say,SO)
	$(Q)$(CC) $(cppflags) $(cflags) $(unrecorded) -fPIC -shared -MMD -MP -MF $(@:.so=.d) -MT $@ $< -o $@
$(B)/tests/preload/probe: $(patsubst %.c,$(B)/%.o,$(wildcard tests/preload/probe*.c))
$(B)/tests/preload/own_malloc: $(B)/tests/preload/own_malloc.o
$(B)/tests/preload/probe_cxx: $(B)/tests/preload/probe_cxx.o
$(filter-out %.so,$(of_probes)):
	$(call say,LD)
	$(Q)$(if $(filter %_cxx,$@),$(CXX),$(CC)) -pthread $(LDFLAGS) $(filter %.o,$^) -o $@ -ldl
$(plants): $(B)/%.so: %.c $(B)/flags $(contracts)
	$(call plugin)
$(twins): $(B)/%-twin.so: %.c $(B)/flags $(contracts)
	$(call plugin,-DTWIN)
$(B)/harness/build_info.o: private unrecorded += -I$(B)
$(B)/harness/build_info.o: $(B)/build_info.gen.h
$(B)/build_info.gen.h: $(B)/flags FORCE
	@scripts/build_info header $(WITH_PAPI) '$(MISSING_PEERS)' <$< | { $(call keep,$@); }
$(B)/memkit.pc: memkit.pc.in FORCE
	@mkdir -p $(B)/include && ln -sfn $(CURDIR)/impl $(B)/include/memkit
	@scripts/build_info pc $(FLAVOUR) '$(sanitize)' $(CURDIR)/$(B)/include | { $(call keep,$@); }

# What the outcome depends on besides sources: flags (objects do) and the list of objects (links do).
$(B)/flags: FORCE
	@for p in $(missing); do echo "memkit-bench needs $$p, which pkg-config does not find: run scripts/setup" >&2; exit 1; done
	@{ $(CC) --version | head -n 1; echo '$(subst ','\'',$(cppflags) $(cflags) $(model_flags))'; } | { $(call keep,$@); }
$(B)/inputs: FORCE
	@echo '$(harness) $(UNITS) $(LDFLAGS) $(libs) $(foreach name,$(preload_names),$(call preload_objects,$(name)))' | { $(call keep,$@); }
FORCE:
.PHONY: all objects tests units so demo check check-all cross soak bench fuzz setup install uninstall clean help FORCE
-include $(patsubst %.o,%.d,$(harness) $(UNITS) $(SO_UNITS)) $(wildcard $(B)/tests/*.d $(B)/tests/*/*.d $(B)/tests/*/*/*.d \
  $(B)/pic/*/*.d $(B)/pic/*/*/*.d $(B)/bench/*.d $(B)/bench/*/*.d)
