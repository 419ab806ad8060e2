import { useHotkeys } from '@mantine/hooks';
import type { RefObject } from 'react';

/** j and k move the focus from row link to row link; Enter then follows it, as links do. */
export function useRowKeys(rows: RefObject<HTMLElement | null>): void {
  const move = (step: 1 | -1) => {
    const links = [...(rows.current?.querySelectorAll<HTMLElement>('[data-row-link]') ?? [])];
    const focused = links.findIndex((link) => link.matches(':focus'));
    const next = focused === -1 ? 0 : Math.min(Math.max(focused + step, 0), links.length - 1);
    links[next]?.focus();
  };
  useHotkeys([
    ['j', () => move(1)],
    ['k', () => move(-1)],
  ]);
}
