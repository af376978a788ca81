# SPDX-License-Identifier: MIT
# `make bench` measures Bulkhead and prints it beside the recorded figures of
# Xen 4.17 (bench/results); `make bench-all` measures Xen anew as well.
BENCH_RUNS = nomit life
bench: all tests/boot/tiny
	$(srcdir)/bench/run --build $(builddir) --runs "$(BENCH_RUNS)" --compare
bench-all: bench
	$(srcdir)/bench/run --build $(builddir) --runs "$(BENCH_RUNS)" --of xen
	for r in $(BENCH_RUNS); do \
		echo "## $$r"; \
		$(srcdir)/bench/report --ratios bench/bulkhead.$$r.json bench/xen417.$$r.json; \
	done
.PHONY: bench bench-all
# Named one by one: a folder of the same name would be taken for the target.
EXTRA_DIST += $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/bench/*.* \
	$(srcdir)/bench/dom0-* $(srcdir)/bench/guest-init $(srcdir)/bench/hot \
	$(srcdir)/bench/document $(srcdir)/bench/mkroot $(srcdir)/bench/report $(srcdir)/bench/run \
	$(srcdir)/bench/adapters/* $(srcdir)/bench/results/*))
CLEAN_HOOKS += clean-bench
clean-bench:
	rm -rf bench
.PHONY: clean-bench
