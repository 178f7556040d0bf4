import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';

/** The certificate of a node, as it is handed to whoever checks for whom it is. */
function certificate(pem: string): PeerCertificate {
  return new X509Certificate(pem).toLegacyObject();
}

/** Has the common name common.example.com, and `DNS:cassandra.freshet.svc, DNS:*.example.com, IP:10.0.0.5`. */
export const NAMED = certificate(`-----BEGIN CERTIFICATE-----
MIIByjCCAXCgAwIBAgIUbhb7WnEEDGvPMxQzfB3GoiEvfmEwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSY29tbW9uLmV4YW1wbGUuY29tMCAXDTI2MTEyNjEyNTU0M1oY
DzIxMjYxMTAyMTI1NTQzWjAdMRswGQYDVQQDDBJjb21tb24uZXhhbXBsZS5jb20w
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQkopkLe7AP3xOBiQALcotJbnkDCmuN
5oV3z4a6MSANy5vlcO/38Ck1qWwPhhxjuTM3IMvEsexa+g3etK3EGLrKo4GLMIGI
MB0GA1UdDgQWBBTAcw7sZJeLjKE4hodKBaosp5BF9DAfBgNVHSMEGDAWgBTAcw7s
ZJeLjKE4hodKBaosp5BF9DAPBgNVHRMBAf8EBTADAQH/MDUGA1UdEQQuMCyCFWNh
c3NhbmRyYS5mcmVzaGV0LnN2Y4INKi5leGFtcGxlLmNvbYcECgAABTAKBggqhkjO
PQQDAgNIADBFAiEAr5sWdCj/ttbgYNWtrjK70iWbaTh2deeJnRUsZ3Rml4YCIA6Q
lcP56HbJ9QDUCqdJFEqcE12L4m2szAgipkGbk089
-----END CERTIFICATE-----
`);

/** Has the common name cassandra.freshet.svc and no other. */
export const COMMON_NAME = certificate(`-----BEGIN CERTIFICATE-----
MIIBlzCCAT2gAwIBAgIUfmMzbaaIOZrKcZ1S7vA4B/Z3/ocwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVY2Fzc2FuZHJhLmZyZXNoZXQuc3ZjMCAXDTI2MTEyNjEyNTU0
M1oYDzIxMjYxMTAyMTI1NTQzWjAgMR4wHAYDVQQDDBVjYXNzYW5kcmEuZnJlc2hl
dC5zdmMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQrdinniz5jTZAtgOyFbcFA
KMf+j+uElf/d9DScMYSsTaBiHbXls5CHdPDppYomByHTxN9ormpYtsX07Gf76OjO
o1MwUTAdBgNVHQ4EFgQUwZz3adyGfWOYy4rhOWegAo7fsa8wHwYDVR0jBBgwFoAU
wZz3adyGfWOYy4rhOWegAo7fsa8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
AgNIADBFAiA8ZJt5RFedqkUjbcNBI/rsEKShYmLl/HkyiNQHFExCjAIhAKmz5bCS
c/bV7R7LQAsWCqTSVobSAYVKij2zV2dif2Oe
-----END CERTIFICATE-----
`);
