/* c = a * b, for matrices of n rows and n columns, modulo 2^32. */
#include <stdint.h>

void multiply(int n, const uint32_t *a, const uint32_t *b, uint32_t *restrict c) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            uint32_t sum = 0;
            for (int k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
            c[i * n + j] = sum;
        }
}
