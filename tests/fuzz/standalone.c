/* SPDX-License-Identifier: MIT */
/*
 * standalone - a driver for fuzz targets where there is no libFuzzer.
 *
 *   fuzz-x [-n MUTATIONS] FILE-OR-FOLDER...
 *
 * Runs the target on the empty input and on every file named, then on
 * MUTATIONS inputs made from those files by a generator with a fixed seed, so
 * that two runs do the same.  When the target dies, the input that killed it is
 * left in the file "crash-input" of the working directory.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*f)(void)) __attribute__((weak));

#define MAX_SEEDS 4096
#define INPUT_LIMIT (1u << 20)

static struct seed {
	uint8_t *data;
	size_t size;
} seeds[MAX_SEEDS];
static size_t n_seeds;

static const uint8_t *now_data;
static size_t now_size;
static uint64_t rng = 0x9e3779b97f4a7c15ull;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void keep_input(void)
{
	int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0) {
		if (write(fd, now_data, now_size) == (ssize_t)now_size)
			fprintf(stderr, "the input is in crash-input\n");
		close(fd);
	}
}

static void on_signal(int sig)
{
	keep_input();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* The input is handed over in a block of exactly its size, for ASan. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		exit(2);
	if (size)
		memcpy(copy, data, size);
	now_data = copy;
	now_size = size;
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void add_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		exit(2);
	}
	if (S_ISREG(st.st_mode) && (size_t)st.st_size <= INPUT_LIMIT &&
	    n_seeds < MAX_SEEDS) {
		data = malloc((size_t)st.st_size + 1);
		if (!data || read(fd, data, (size_t)st.st_size) != st.st_size) {
			perror(path);
			exit(2);
		}
		seeds[n_seeds].data = data;
		seeds[n_seeds++].size = (size_t)st.st_size;
	}
	close(fd);
}

static void add(const char *path)
{
	char name[4096];
	struct dirent **list;
	struct stat st;
	int i, n;

	if (stat(path, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		add_file(path);
		return;
	}
	n = scandir(path, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path,
				 list[i]->d_name);
			add(name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static uint8_t odd_byte(void)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, 0x20, '\n', '/' };
	uint64_t r = next_random();

	return r & 1 ? odd[(r >> 8) % sizeof(odd)] : (uint8_t)(r >> 16);
}

/* One to eight small changes to a copy of a seed. */
static void mutate_and_run(void)
{
	const struct seed *s = n_seeds ? &seeds[next_random() % n_seeds] : NULL;
	size_t size = s ? s->size : 0, room = size + 64, at, n, changes;
	uint8_t *b = malloc(room);

	if (!b)
		exit(2);
	if (size)
		memcpy(b, s->data, size);
	for (changes = next_random() % 8 + 1; changes; changes--) {
		at = size ? next_random() % size : 0;
		switch (next_random() % 6) {
		case 0:
			if (size)
				b[at] ^= (uint8_t)(1u << (next_random() % 8));
			break;
		case 1:
			if (size)
				b[at] = odd_byte();
			break;
		case 2:
			size = at;
			break;
		case 3:
			n = next_random() % 16;
			if (size + n <= room) {
				memmove(b + at + n, b + at, size - at);
				size += n;
				while (n--)
					b[at + n] = odd_byte();
			}
			break;
		case 4:
			n = next_random() % 16;
			if (at + n <= size) {
				memmove(b + at, b + at + n, size - at - n);
				size -= n;
			}
			break;
		default:
			for (n = 0; n < 8 && at + n < size; n++)
				b[at + n] = next_random() & 1 ? 0xff : 0;
		}
	}
	run(b, size);
	free(b);
}

int main(int argc, char **argv)
{
	long mutations = 0, i;
	int arg = 1;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		mutations = atol(argv[2]);
		arg = 3;
	}
	for (; arg < argc; arg++)
		add(argv[arg]);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_input);
	signal(SIGABRT, on_signal);
	run((const uint8_t *)"", 0);
	for (i = 0; i < (long)n_seeds; i++)
		run(seeds[i].data, seeds[i].size);
	for (i = 0; i < mutations; i++)
		mutate_and_run();
	printf("%s: %zu inputs, %ld mutations\n", argv[0], n_seeds, mutations);
	for (i = 0; i < (long)n_seeds; i++)
		free(seeds[i].data);
	return 0;
}
