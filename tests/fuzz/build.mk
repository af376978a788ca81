# SPDX-License-Identifier: MIT
# Fuzz targets.  Every tests/fuzz/fuzz-<x>.c exports LLVMFuzzerTestOneInput()
# and is picked up by its name; its corpus is tests/fuzz/corpus/<x>/.
# `make check` replays each corpus, and a fixed number of mutations of it, with
# the small driver standalone.c.  `./configure --enable-fuzz CC=clang` links
# libFuzzer instead; then `make fuzz FUZZ_SECONDS=60` explores.

FUZZ_SRC := $(sort $(patsubst $(srcdir)/%,%,$(wildcard \
	$(srcdir)/tests/fuzz/fuzz-*.c)))
FUZZ_OBJ = $(FUZZ_SRC:%.c=tests/host/%.o)
FUZZ_BIN = $(FUZZ_SRC:%.c=%)
FUZZ_SECONDS = 30
FUZZ_MUTATIONS = 2000

if FUZZ
HOST_SAN += -fsanitize=fuzzer-no-link
FUZZ_MAIN = -fsanitize=fuzzer
else
FUZZ_MAIN = tests/host/tests/fuzz/standalone.o
endif

tests/fuzz/fuzz-%: tests/host/tests/fuzz/fuzz-%.o $(HOST_ARCHIVES) \
		tests/host/tests/fuzz/standalone.o
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) -o $@ $< $(FUZZ_MAIN) \
		-Wl,--start-group $(HOST_ARCHIVES) -Wl,--end-group $(HOST_LIBS)

.SECONDARY: $(FUZZ_OBJ) tests/host/tests/fuzz/standalone.o
-include $(wildcard $(FUZZ_OBJ:.o=.d))

tests/fuzz/replay.sh: $(FUZZ_BIN) $(srcdir)/tests/fuzz/replay.in
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@MUTATIONS@|$(FUZZ_MUTATIONS)|' \
		$(srcdir)/tests/fuzz/replay.in > $@ && chmod +x $@

fuzz: $(FUZZ_BIN)
	@for f in $(FUZZ_BIN); do n=$${f##*/fuzz-}; \
		$(MKDIR_P) tests/fuzz/found/$$n; echo "== $$n"; \
		$$f -max_total_time=$(FUZZ_SECONDS) tests/fuzz/found/$$n \
			$(srcdir)/tests/fuzz/corpus/$$n || exit 1; done
.PHONY: fuzz

if !FUZZ
TESTS += tests/fuzz/replay.sh
endif
EXTRA_DIST += tests/fuzz/replay.in tests/fuzz/corpus \
	$(wildcard $(srcdir)/tests/fuzz/*.[ch])

CLEAN_HOOKS += clean-fuzz
clean-fuzz:
	rm -f $(FUZZ_BIN) tests/fuzz/replay.sh
	rm -rf tests/fuzz/found
.PHONY: clean-fuzz
