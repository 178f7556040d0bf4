import { constants } from 'node:zlib';
import compress from '@fastify/compress';
import plugin from 'fastify-plugin';

/** Less than this fits into one packet anyway, in bytes. */
const THRESHOLD = 1024;
/** Answers are made for each request: more effort would cost more time than it saves on the way. */
const BROTLI_EFFORT = 4;
const GZIP_EFFORT = 5;

/** Compresses what is worth it, for clients that can take it. An event stream is no answer of Fastify's, and stays. */
export default plugin(async (app) => {
  await app.register(compress, {
    threshold: THRESHOLD,
    encodings: ['br', 'gzip'],
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_EFFORT } },
    zlibOptions: { level: GZIP_EFFORT },
    globalDecompression: false,
  });
});
