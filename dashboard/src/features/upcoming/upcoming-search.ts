import type { QueryParameters } from '@/lib/api-client';

export const PAGE_SIZE = 50;
export const DAYS = [1, 3, 7, 14, 30] as const;
type Days = (typeof DAYS)[number];
export const RISKS = ['high', 'medium', 'low'] as const;
type Risk = (typeof RISKS)[number];
export const SORTS = [
  'scheduled_time',
  'tutor_name',
  'student_name',
  'reschedule_probability',
] as const;
export type Sort = (typeof SORTS)[number];
type Order = 'asc' | 'desc';

/** What the address of the page holds; a default is left out of it. */
export interface UpcomingSearch {
  risk?: Risk;
  /** Sessions of this tutor only. */
  tutor?: string;
  days?: Days;
  sort?: Sort;
  order?: Order;
  /** From 2 on. */
  page?: number;
}

const DEFAULT_DAYS: Days = 7;
const DEFAULT_SORT: Sort = 'reschedule_probability';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Anything that is not understood is dropped: an old bookmark still opens the page. */
export function parseUpcomingSearch(raw: Record<string, unknown>): UpcomingSearch {
  const risk = RISKS.find((one) => one === raw.risk);
  const days = DAYS.find((one) => one === Number(raw.days));
  const sort = SORTS.find((one) => one === raw.sort);
  const order = (['asc', 'desc'] as const).find((one) => one === raw.order);
  const page = Number(raw.page);
  return {
    ...(risk && { risk }),
    ...(typeof raw.tutor === 'string' && UUID.test(raw.tutor) && { tutor: raw.tutor }),
    ...(days && days !== DEFAULT_DAYS && { days }),
    ...(sort && sort !== DEFAULT_SORT && { sort }),
    ...(order && order !== naturalOrder(sort ?? DEFAULT_SORT) && { order }),
    ...(Number.isInteger(page) && page > 1 && { page }),
  };
}

/** Probabilities read from the worst, everything else from its beginning. */
function naturalOrder(sort: Sort): Order {
  return sort === 'reschedule_probability' ? 'desc' : 'asc';
}

export function daysOf(search: UpcomingSearch): Days {
  return search.days ?? DEFAULT_DAYS;
}

export function sortOf(search: UpcomingSearch): { sort: Sort; order: Order } {
  const sort = search.sort ?? DEFAULT_SORT;
  return { sort, order: search.order ?? naturalOrder(sort) };
}

/** A second press on the same column turns the order round. */
export function withSort(search: UpcomingSearch, sort: Sort): UpcomingSearch {
  const current = sortOf(search);
  const reversed = current.order === 'asc' ? 'desc' : 'asc';
  const order = current.sort === sort ? reversed : naturalOrder(sort);
  return changed(search, { sort, order });
}

/** From the first page on; undefined takes a filter away. */
export function changed(
  search: UpcomingSearch,
  change: { [Name in keyof UpcomingSearch]: UpcomingSearch[Name] | undefined },
): UpcomingSearch {
  const { page: _fromTheTop, ...rest } = search;
  return parseUpcomingSearch({ ...rest, ...change });
}

/** In the API's words. */
export function upcomingParameters(search: UpcomingSearch): QueryParameters {
  const { sort, order } = sortOf(search);
  return {
    days_ahead: daysOf(search),
    risk_level: search.risk,
    tutor_id: search.tutor,
    sort_by: sort,
    sort_order: order,
    limit: PAGE_SIZE,
    offset: ((search.page ?? 1) - 1) * PAGE_SIZE,
  };
}
