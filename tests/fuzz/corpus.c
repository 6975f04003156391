/* SPDX-License-Identifier: BSD-3-Clause */

/* Stands in for libFuzzer where the compiler has none: each file of the folders given, once. */

#include <dirent.h>

#include "fuzz.h"

static int run_file(const char *path)
{
	static uint8_t data[1 << 24];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t size;

	if (!f)
		return -1;
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* A buffer of the exact size, so that a sanitizer sees one byte too many. */
	exact = malloc(size ? size : 1);
	if (!exact)
		return -1;
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	char path[4096];

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (!dir) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			if (run_file(path)) {
				perror(path);
				return 1;
			}
			n++;
		}
		closedir(dir);
	}
	printf("%u inputs\n", n);
	return n == 0;
}
