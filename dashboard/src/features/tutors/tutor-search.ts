import type { QueryParameters } from '@/lib/api-client';

export const PAGE_SIZE = 50;

export const SORTS = ['name', 'reschedule_rate_30d', 'total_sessions_30d'] as const;
export type Sort = (typeof SORTS)[number];
export type SortOrder = 'asc' | 'desc';
const RISKS = ['high', 'warning', 'low'] as const;
type RiskFilter = (typeof RISKS)[number];

/** What the address of the tutors page holds; a default is left out of it. */
export interface TutorSearch {
  q?: string;
  /** low: everybody who is not at high risk; warning: of those, who is near it. */
  risk?: RiskFilter;
  sort?: Sort;
  order?: SortOrder;
  /** From 2 on. */
  page?: number;
}

/** In the API's words. */
const RISK_STATUS = { high: 'high_risk', warning: 'warning', low: 'low_risk' } as const;
const DEFAULT_SORT: Sort = 'reschedule_rate_30d';

/** Anything that is not understood is dropped: an old bookmark still opens the page. */
export function parseTutorSearch(raw: Record<string, unknown>): TutorSearch {
  const q = typeof raw.q === 'string' || typeof raw.q === 'number' ? String(raw.q) : '';
  const risk = oneOf(raw.risk, RISKS);
  const sort = oneOf(raw.sort, SORTS);
  const order = oneOf(raw.order, ['asc', 'desc'] as const);
  const page = Number(raw.page);
  return {
    ...(q !== '' && { q }),
    ...(risk && { risk }),
    ...(sort && sort !== DEFAULT_SORT && { sort }),
    ...(order && order !== naturalOrder(sort ?? DEFAULT_SORT) && { order }),
    ...(Number.isInteger(page) && page > 1 && { page }),
  };
}

/** Names read from A, rates from the worst. */
function naturalOrder(sort: Sort): SortOrder {
  return sort === 'name' ? 'asc' : 'desc';
}

export function sortOf(search: TutorSearch): { sort: Sort; order: SortOrder } {
  const sort = search.sort ?? DEFAULT_SORT;
  return { sort, order: search.order ?? naturalOrder(sort) };
}

/** A second press on the same column turns the order round. */
export function withSort(search: TutorSearch, sort: Sort): TutorSearch {
  const current = sortOf(search);
  const reversed = current.order === 'asc' ? 'desc' : 'asc';
  const order = current.sort === sort ? reversed : naturalOrder(sort);
  const { page: _fromTheTop, ...rest } = search;
  return parseTutorSearch({ ...rest, sort, order });
}

/** The same search in the API's words, without paging. */
export function filterParameters(search: TutorSearch): QueryParameters {
  const { sort, order } = sortOf(search);
  return {
    search: search.q,
    risk_status: search.risk && RISK_STATUS[search.risk],
    sort_by: sort,
    sort_order: order,
  };
}

export function pageParameters(search: TutorSearch): QueryParameters {
  return { limit: PAGE_SIZE, offset: ((search.page ?? 1) - 1) * PAGE_SIZE };
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((candidate) => candidate === value);
}
