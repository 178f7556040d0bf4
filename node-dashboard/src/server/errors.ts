/** A service that the dashboard reads from cannot answer now; the client is told to come again. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly statusCode = 503;
}

/** The request cannot be answered as it is; the message says what to change. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
  readonly statusCode = 400;
}
