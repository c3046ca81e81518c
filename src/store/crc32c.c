#include "store/crc32c.h"

#define POLYNOMIAL 0x82F63B78U /* 0x1EDC6F41, bits reversed */

/* Bit by bit: what goes through here are a few hundred bytes per epoch. */
uint32_t rv_crc32c(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
    }
    return ~crc;
}
