#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/writing-a-frontend.md for someone who has only the installed package: its
# code is cut out of it and built, by its own commands, in a folder of its own.
# The programs stay in pv-obj/manual, for tests/boot/front-end-manual.
set -e
# Its make is nobody's child: no job server to ask for.
unset MAKEFLAGS MFLAGS MAKELEVEL
srcdir=$(cd "${srcdir:-.}" && pwd)
build=$(pwd)
if ! command -v pkg-config > /dev/null; then echo "manual: pkg-config is not installed; skipped"; exit 77; fi
stage=$build/pv-obj/stage manual=$build/pv-obj/manual
rm -rf "$stage" "$manual"
mkdir -p "$stage" "$manual"
${MAKE:-make} -s install-pv install-libLTLIBRARIES install-includeHEADERS install-pkgconfigDATA \
	DESTDIR="$stage" > "$manual/install.log" 2>&1 || { tail -5 "$manual/install.log"; exit 1; }
cd "$manual"
# The package's paths, as if its prefix were the stage.
find "$stage" -name pkgconfig -type d > dirs
PKG_CONFIG_LIBDIR=$(head -1 dirs)
export PKG_CONFIG_LIBDIR
sed -i "s|=/|=$stage/|; s|-\([IL]\)/|-\1$stage/|g" "$PKG_CONFIG_LIBDIR"/*.pc
python3 "$srcdir/tests/scripts/manual.py" "$srcdir/docs/writing-a-frontend.md" . run control > steps.all
python3 "$srcdir/tests/scripts/manual.py" "$srcdir/docs/writing-a-frontend.md" . run > run.sh
python3 "$srcdir/tests/scripts/manual.py" "$srcdir/docs/writing-a-frontend.md" . control > control.sh
# The first step makes the directory; the code belongs into it before the next.
sed -i "s|^cd entropy\$|cd entropy; cp ../entropy.h ../*.c .|" run.sh
# A compiler that names every header and every archive that it opens.
mkdir bin
cat > bin/cc << EOF
#!/bin/sh
exec $(command -v "${CC%% *}" || command -v cc) -H -Wl,-t "\$@"
EOF
chmod +x bin/cc
unset CC CPATH C_INCLUDE_PATH LIBRARY_PATH
PATH=$manual/bin:$PATH sh -e run.sh > log 2>&1 || { cat log; echo "manual: a step failed"; exit 1; }
if grep -n 'warning:' log; then echo "manual: its code has warnings"; exit 1; fi
# What it was made of is installed; nothing comes from where we were built.
for f in include/pv/device.h include/ctrl.h libpv.a libctrl; do
	grep -q "$stage.*/$f" log || { echo "manual: the installed $f was not used"; exit 1; }
done
# A prefix may lie below the sources, as it does in distcheck: whole paths go.
if sed "s|$stage[^ ]*||g; s|$manual[^ ]*||g" log | grep -F -e "$srcdir/" -e "$build/"; then
	echo "manual: it needs more than what is installed"
	exit 1
fi
for f in tiny entropy entropy-back; do
	[ -s entropy/$f ] || { echo "manual: there is no $f"; exit 1; }
done
cp entropy/tiny "$build/pv-obj/manual/tiny-by-manual"
echo "manual: built by its own commands"
