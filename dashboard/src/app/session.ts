import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson, post } from '@/lib/api-client';
import type { Me } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

const ASK_AGAIN_MS = 5_000;

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => getJson<Me>(api.me, { signal }),
  staleTime: 60_000,
  // Until the API is there: the stream is opened only for somebody who is known.
  refetchInterval: (query) => (query.state.data === undefined ? ASK_AGAIN_MS : false),
});

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post(api.logout),
    // What was shown must not outlive the session on a shared screen.
    onSuccess: () => {
      client.clear();
      window.location.assign('/');
    },
  });
}
