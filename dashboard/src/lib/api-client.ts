import type { Problem } from '@/lib/api-types';

/** The API answered with an error; `status` 0 means that it did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type QueryParameters = Record<string, string | number | undefined>;

export async function getJson<T>(
  path: string,
  options: { parameters?: QueryParameters; signal?: AbortSignal } = {},
): Promise<T> {
  const response = await send(withParameters(path, options.parameters), {
    signal: options.signal ?? null,
  });
  return (await response.json()) as T;
}

export async function post<T>(path: string): Promise<T> {
  const response = await send(path, { method: 'POST' });
  return (await response.json()) as T;
}

export function withParameters(path: string, parameters: QueryParameters = {}): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, {
    ...init,
    credentials: 'same-origin',
    headers: { Accept: 'application/json' },
  }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The API does not answer.');
  });
  if (!response.ok) throw new ApiError(response.status, await messageOf(response));
  return response;
}

async function messageOf(response: Response): Promise<string> {
  const fallback = `The API answered ${response.status}.`;
  try {
    const problem = (await response.json()) as Problem;
    return problem.detail ?? problem.title ?? fallback;
  } catch {
    // A proxy's HTML page, for example.
    return fallback;
  }
}
