/* For each question, n, the number of rounds and two matrices, multiply the first matrix by the
   second in each round, and write the last product. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void multiply(int n, const uint32_t *a, const uint32_t *b, uint32_t *restrict c);

int main(void) {
    uint32_t head[2];
    while (fread(head, sizeof *head, 2, stdin) == 2) {
        size_t size = (size_t)head[0] * head[0];
        uint32_t *a = malloc(3 * size * sizeof *a), *b = a + size, *c = b + size;
        if (!a || fread(a, sizeof *a, 2 * size, stdin) != 2 * size) return 1;
        uint32_t *from = a, *to = c;
        for (uint32_t round = 0; round < head[1]; round++) {
            multiply(head[0], from, b, to);
            uint32_t *other = from;
            from = to;
            to = other;
        }
        if (fwrite(from, sizeof *from, size, stdout) != size || fflush(stdout)) return 1;
        free(a);
    }
    return 0;
}
