import { describe, expect, test } from 'vitest';
import { tutorsCsvLink } from '@/features/tutors/api/get-tutors';
import {
  filterParameters,
  pageParameters,
  parseTutorSearch,
  withSort,
} from '@/features/tutors/tutor-search';

describe('the address of the tutors page', () => {
  test('leaves out what is the default', () => {
    expect(
      parseTutorSearch({ sort: 'reschedule_rate_30d', order: 'desc', page: 1, q: '' }),
    ).toEqual({});
  });

  test('drops what it does not understand', () => {
    expect(parseTutorSearch({ risk: 'terrible', sort: 'id; drop', page: -3, q: 7 })).toEqual({
      q: '7',
    });
  });

  test('pressing the sorted column turns the order round, and back', () => {
    const up = withSort({}, 'reschedule_rate_30d');
    expect(up).toEqual({ order: 'asc' });
    expect(withSort(up, 'reschedule_rate_30d')).toEqual({});
  });

  test('another column starts from its own natural order, on the first page', () => {
    expect(withSort({ page: 4, risk: 'high', order: 'asc' }, 'name')).toEqual({
      risk: 'high',
      sort: 'name',
    });
    expect(filterParameters({ sort: 'name' })).toMatchObject({ sort_order: 'asc' });
  });
});

test('the warning band is asked for by its own name', () => {
  expect(filterParameters({ risk: 'warning' })).toMatchObject({ risk_status: 'warning' });
});

test('page 3 of the API starts after 100 tutors', () => {
  expect(pageParameters({ page: 3 })).toEqual({ limit: 50, offset: 100 });
});

test('the CSV has the same filters and every page', () => {
  expect(tutorsCsvLink({ q: 'a&b', risk: 'high', page: 3 })).toBe(
    '/api/tutors?search=a%26b&risk_status=high_risk&sort_by=reschedule_rate_30d&sort_order=desc&format=csv',
  );
});
