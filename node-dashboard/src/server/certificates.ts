import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf } from './errors.ts';

/**
 * Reads the certificates of the authorities to trust, in PEM, from the file that a key of the configuration names.
 * Read anew for every client that is made: a file that is repaired is taken without a restart.
 */
export function readAuthorities(file: string, key: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw new Error(`${key}: cannot read ${file}: ${messageOf(error)}; correct the file or the key`, {
      cause: error,
    });
  }
  try {
    // TLS itself passes over what is no certificate, or not in PEM, and then trusts nobody without saying why.
    new X509Certificate(content.toString());
  } catch {
    throw new Error(
      `${key}: ${file} holds no certificate in PEM: name the file of the authority's certificate`,
    );
  }
  return content;
}
