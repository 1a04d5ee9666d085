/* tls.c: a client and a server of mbedTLS's that speak to each other through two buffers.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tls.h"

#include <assert.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_BYTES 16384u
#define CERTIFICATE_BYTES 2048u
#define KEY_BITS 2048u
#define AUTHORITY_NAME "CN=authority"
#define DEVICE_NAME "device.example"

/* --- memory ---------------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void *__real_calloc(size_t count, size_t size);
void __real_free(void *block);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *block);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static const tls_heap_t *running; /* whose step it is: the client's heap, or NULL */

void *__wrap_calloc(size_t count, size_t size)
{
    return running != NULL ? running->alloc(count, size) : __real_calloc(count, size);
}

void __wrap_free(void *block)
{
    if (running != NULL) {
        running->free(block);
    } else {
        __real_free(block);
    }
}

/* --- certificates ---------------------------------------------------------------------------- */

typedef struct certificate {
    uint8_t der[CERTIFICATE_BYTES]; /* written to its end */
    size_t size;
} certificate_t;

/* Who signs: whom the client trusts, and somebody else. And the server, who has one key. */
typedef enum party {
    AUTHORITY,
    OTHER_AUTHORITY,
    SERVER,
    PARTIES
} party_t;

static mbedtls_pk_context keys[PARTIES];
static certificate_t authority;
static certificate_t certificates[TLS_PEERS];
static uint32_t seed;

static int tls_random(void *self, unsigned char *out, size_t size)
{
    (void)self;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (unsigned char)(seed >> 24);
    }
    return 0;
}

/* Ends the program: without certificates there is nothing to show. */
static void tls_must(int status)
{
    if (status < 0) {
        printf("tls: mbedTLS says -0x%x\n", (unsigned)-status);
        exit(2);
    }
}

static void key_make(mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    tls_must(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)));
    tls_must(mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), tls_random, NULL, KEY_BITS, 65537));
}

/* What a certificate says. */
typedef struct claim {
    party_t subject;
    party_t issuer;
    const char *until;
} claim_t;

static void certificate_fill(mbedtls_x509write_cert *writer, const claim_t *claim)
{
    const bool is_authority = claim->subject != SERVER;
    tls_must(mbedtls_x509write_crt_set_subject_name(writer, is_authority ? AUTHORITY_NAME
                                                                         : "CN=" DEVICE_NAME));
    tls_must(mbedtls_x509write_crt_set_issuer_name(writer, AUTHORITY_NAME));
    tls_must(mbedtls_x509write_crt_set_validity(writer, "20200101000000", claim->until));
    tls_must(mbedtls_x509write_crt_set_basic_constraints(writer, is_authority, -1));
    mbedtls_x509write_crt_set_version(writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(writer, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(writer, &keys[claim->subject]);
    mbedtls_x509write_crt_set_issuer_key(writer, &keys[claim->issuer]);
}

static void certificate_make(certificate_t *certificate, claim_t claim)
{
    mbedtls_x509write_cert writer;
    mbedtls_mpi serial;
    mbedtls_x509write_crt_init(&writer);
    mbedtls_mpi_init(&serial);
    tls_must(mbedtls_mpi_lset(&serial, 1));
    tls_must(mbedtls_x509write_crt_set_serial(&writer, &serial));
    certificate_fill(&writer, &claim);
    const int size = mbedtls_x509write_crt_der(&writer, certificate->der, sizeof certificate->der,
                                               tls_random, NULL);
    tls_must(size);
    certificate->size = (size_t)size;
    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&writer);
}

void tls_start(void)
{
    static const char late[] = "20491231235959";
    seed = 1;
    for (uint32_t i = 0; i < PARTIES; i++) {
        key_make(&keys[i]);
    }
    certificate_make(&authority, (claim_t){AUTHORITY, AUTHORITY, late});
    certificate_make(&certificates[TLS_TRUSTED], (claim_t){SERVER, AUTHORITY, late});
    certificate_make(&certificates[TLS_STRANGER], (claim_t){SERVER, OTHER_AUTHORITY, late});
    certificate_make(&certificates[TLS_EXPIRED], (claim_t){SERVER, AUTHORITY, "20210101000000"});
}

void tls_stop(void)
{
    for (uint32_t i = 0; i < PARTIES; i++) {
        mbedtls_pk_free(&keys[i]);
    }
}

/* Reads a certificate; nothing is said here of its being trusted. */
static int certificate_read(mbedtls_x509_crt *chain, const certificate_t *certificate)
{
    return mbedtls_x509_crt_parse_der(
        chain, certificate->der + sizeof certificate->der - certificate->size, certificate->size);
}

/* --- a wire ---------------------------------------------------------------------------------- */

typedef struct wire {
    uint8_t bytes[WIRE_BYTES];
    size_t from;
    size_t to;
} wire_t;

/* An end of it. */
typedef struct end {
    wire_t *out;
    wire_t *in;
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_x509_crt chain; /* of the server: its own; of the client: whom it trusts */
} end_t;

static int end_send(void *self, const unsigned char *bytes, size_t size)
{
    wire_t *wire = ((end_t *)self)->out;
    assert(size <= sizeof wire->bytes - wire->to);
    memcpy(wire->bytes + wire->to, bytes, size);
    wire->to += size;
    return (int)size;
}

static int end_receive(void *self, unsigned char *bytes, size_t size)
{
    wire_t *wire = ((end_t *)self)->in;
    const size_t unread = wire->to - wire->from;
    if (unread == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size = size < unread ? size : unread;
    memcpy(bytes, wire->bytes + wire->from, size);
    wire->from += size;
    return (int)size;
}

/* Without elliptic curves: these take 18,000 allocations, and a minute for all of them to fail. */
static const int suites[] = {MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256, 0};

/* Prepares what both ends need. */
static int end_start(end_t *end, int role)
{
    mbedtls_ssl_init(&end->ssl);
    mbedtls_ssl_config_init(&end->config);
    mbedtls_x509_crt_init(&end->chain);
    const int status = mbedtls_ssl_config_defaults(&end->config, role, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                   MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&end->config, tls_random, NULL);
    mbedtls_ssl_conf_ciphersuites(&end->config, suites);
    return status;
}

static int end_open(end_t *end)
{
    const int status = mbedtls_ssl_setup(&end->ssl, &end->config);
    mbedtls_ssl_set_bio(&end->ssl, end, end_send, end_receive, NULL);
    return status;
}

static void end_stop(end_t *end)
{
    mbedtls_ssl_free(&end->ssl);
    mbedtls_ssl_config_free(&end->config);
    mbedtls_x509_crt_free(&end->chain);
}

static bool is_waiting(int status)
{
    return status == MBEDTLS_ERR_SSL_WANT_READ || status == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* --- a connection ---------------------------------------------------------------------------- */

static wire_t wires[2];
static end_t server;
static end_t client;

static void server_start(tls_peer_t peer)
{
    server.out = &wires[0];
    server.in = &wires[1];
    tls_must(end_start(&server, MBEDTLS_SSL_IS_SERVER));
    tls_must(certificate_read(&server.chain, &certificates[peer]));
    tls_must(mbedtls_ssl_conf_own_cert(&server.config, &server.chain, &keys[SERVER]));
    tls_must(end_open(&server));
}

static int client_start(void)
{
    client.out = &wires[1];
    client.in = &wires[0];
    int status = end_start(&client, MBEDTLS_SSL_IS_CLIENT);
    if (status == 0) {
        status = certificate_read(&client.chain, &authority);
    }
    mbedtls_ssl_conf_ca_chain(&client.config, &client.chain, NULL);
    if (status == 0) {
        status = mbedtls_ssl_set_hostname(&client.ssl, DEVICE_NAME);
    }
    return status == 0 ? end_open(&client) : status;
}

/* Both take their steps in turn. Bounded by the flights of a handshake. */
static int client_connect(const tls_heap_t *heap)
{
    int answer = 0;
    for (uint32_t i = 0; i < 32; i++) {
        running = heap;
        const int status = mbedtls_ssl_handshake(&client.ssl);
        running = NULL;
        if (!is_waiting(status)) {
            return status;
        }
        answer = answer == 0 || is_waiting(answer) ? mbedtls_ssl_handshake(&server.ssl) : answer;
    }
    return MBEDTLS_ERR_SSL_TIMEOUT;
}

int tls_connect(tls_peer_t peer, const tls_heap_t *heap)
{
    seed = 7;
    wires[0].from = wires[0].to = wires[1].from = wires[1].to = 0;
    server_start(peer);
    running = heap;
    int status = client_start();
    running = NULL;
    status = status == 0 ? client_connect(heap) : status;
    running = heap;
    end_stop(&client);
    running = NULL;
    end_stop(&server);
    return status;
}
