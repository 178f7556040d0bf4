/** A request that is answered with an error; the message says what to do about it. */
export abstract class RequestError extends Error {
  /** The status of the answer (RFC 9110, section 15). */
  abstract readonly statusCode: number;
  /** What the answer's head says beside the usual. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.headers = headers;
  }
}

/** A service that the dashboard reads from cannot answer now; the client is told to come again. */
export class UnavailableError extends RequestError {
  override readonly name = 'UnavailableError';
  readonly statusCode = 503;
}

/** The request cannot be answered as it is; the message says what to change. */
export class BadRequestError extends RequestError {
  override readonly name = 'BadRequestError';
  readonly statusCode = 400;
}

/** Nobody may ask this without the token. */
export class UnauthorizedError extends RequestError {
  override readonly name = 'UnauthorizedError';
  readonly statusCode = 401;
}

/** Whoever asks may not, as a page of somebody else. */
export class ForbiddenError extends RequestError {
  override readonly name = 'ForbiddenError';
  readonly statusCode = 403;
}

/** The body is of a type that is not understood. */
export class UnsupportedMediaTypeError extends RequestError {
  override readonly name = 'UnsupportedMediaTypeError';
  readonly statusCode = 415;
}

/** The resource is there, but not for this method. */
export class MethodNotAllowedError extends RequestError {
  override readonly name = 'MethodNotAllowedError';
  readonly statusCode = 405;
}

/** The request was meant for another host. */
export class MisdirectedError extends RequestError {
  override readonly name = 'MisdirectedError';
  readonly statusCode = 421;
}

/** This client has as much as one client may have; others can still be answered. */
export class TooManyRequestsError extends RequestError {
  override readonly name = 'TooManyRequestsError';
  readonly statusCode = 429;
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
