#include <stdint.h>
#include <stdio.h>

#define SIZE 24

static uint32_t mix(uint32_t x) {
    for (int round = 0; round < 4; round++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
    }
    return x;
}

static uint32_t product(void) {
    static uint32_t a[SIZE][SIZE], b[SIZE][SIZE];
    uint32_t sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = mix(i * SIZE + j + 1);
            b[i][j] = mix(a[i][j]);
        }
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            for (int k = 0; k < SIZE; k++)
                sum += a[i][k] * b[k][j];
    return sum;
}

static unsigned primes(unsigned below) {
    static unsigned char composite[10000];
    unsigned count = 0;
    for (unsigned n = 2; n < below; n++) {
        count += !composite[n];
        for (unsigned m = n * n; m < below; m += n) composite[m] = 1;
    }
    return count;
}

int main(void) {
    printf("product %u\nprimes %u\n", product(), primes(10000));
    return 0;
}
