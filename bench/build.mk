# SPDX-License-Identifier: MIT
# `make bench` measures Bulkhead and prints it beside the recorded figures of
# Xen 4.17 (bench/results); `make bench-all` measures Xen anew as well.  The
# first takes half an hour, the second more than two.
BENCH_RUNS = nomit life attach disk net
bench: all tests/boot/tiny
	$(srcdir)/bench/run --build $(builddir) --runs "$(BENCH_RUNS)" --compare
bench-all: bench
	$(srcdir)/bench/run --build $(builddir) --runs "$(BENCH_RUNS)" --of xen
	for r in $(BENCH_RUNS); do \
		echo "## $$r"; \
		$(srcdir)/bench/report --ratios bench/bulkhead.$$r.json bench/xen417.$$r.json; \
	done

# 1,000 guests at once, twice (20 minutes and more); Xen with xl as far as it
# gets in the time, on a smaller machine because it clears its memory first.
DENSITY_GUESTS = 1000
DENSITY_MEMORY = 16G
DENSITY_XEN_GUESTS = 40
bench-density: all tests/boot/tiny pv-obj/tiny
	$(srcdir)/bench/run --build $(builddir) --runs density --memory $(DENSITY_MEMORY) --timeout 7200 --settings 'GUESTS=$(DENSITY_GUESTS)'
	$(srcdir)/bench/run --build $(builddir) --runs density --memory 2G --timeout 7200 --settings 'GUESTS=$(DENSITY_XEN_GUESTS) AGAIN=no' --of xen
	$(srcdir)/bench/density --show bench/bulkhead.density.json bench/xen417.density.json --plot bench/density.svg
.PHONY: bench bench-all bench-density
# Named one by one: a folder of the same name would be taken for the target.
EXTRA_DIST += $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/bench/*.* \
	$(srcdir)/bench/dom0-* $(srcdir)/bench/guest-init $(srcdir)/bench/hot \
	$(srcdir)/bench/document $(srcdir)/bench/density $(srcdir)/bench/mkroot $(srcdir)/bench/report $(srcdir)/bench/run \
	$(srcdir)/bench/adapters/* $(srcdir)/bench/results/*))
CLEAN_HOOKS += clean-bench
clean-bench:
	rm -rf bench
.PHONY: clean-bench
