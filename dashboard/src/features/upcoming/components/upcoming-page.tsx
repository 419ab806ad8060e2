import { Button, SegmentedControl } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Page } from '@/components/page';
import { Pager } from '@/components/pager';
import { Empty, Loaded } from '@/components/states';
import table from '@/components/table.module.css';
import { upcomingQuery } from '@/features/upcoming/api/get-upcoming';
import { UpcomingTable } from '@/features/upcoming/components/upcoming-table';
import {
  changed,
  DAYS,
  daysOf,
  PAGE_SIZE,
  type UpcomingSearch,
  withSort,
} from '@/features/upcoming/upcoming-search';
import type { UpcomingPage as Listed } from '@/lib/api-types';
import { plural } from '@/lib/format';
import classes from './upcoming.module.css';

const ANY = 'any';
const RISKS = [
  { value: ANY, label: 'All' },
  { value: 'high', label: 'High' },
  { value: 'medium', label: 'Medium' },
  { value: 'low', label: 'Low' },
];
const DAY_CHOICES = DAYS.map((days) => ({ value: String(days), label: plural(days, 'day') }));

type Change = (search: UpcomingSearch) => void;

export function UpcomingPage() {
  const search = useSearch({ from: '/upcoming' });
  const navigate = useNavigate({ from: '/upcoming' });
  const query = useQuery({ ...upcomingQuery(search), placeholderData: keepPreviousData });
  const change: Change = (next) => void navigate({ search: next, resetScroll: false });
  return (
    <Page title="Upcoming sessions" subtitle="Which sessions to rescue?">
      <Filters search={search} onChange={change} />
      <section
        className={table.list}
        aria-label="Upcoming sessions"
        aria-busy={query.isPlaceholderData || undefined}
      >
        <Loaded query={query} height={560}>
          {(page) => <Sessions page={page} search={search} onChange={change} />}
        </Loaded>
      </section>
    </Page>
  );
}

interface PartProps {
  search: UpcomingSearch;
  onChange: Change;
}

function Filters({ search, onChange }: PartProps) {
  return (
    <div className={classes.filters}>
      <SegmentedControl
        size="xs"
        data={RISKS}
        value={search.risk ?? ANY}
        onChange={(risk) => onChange(changed(search, { risk: risk as UpcomingSearch['risk'] }))}
        aria-label="Risk"
      />
      <SegmentedControl
        size="xs"
        data={DAY_CHOICES}
        value={String(daysOf(search))}
        onChange={(days) =>
          onChange(changed(search, { days: Number(days) as UpcomingSearch['days'] }))
        }
        aria-label="Days ahead"
      />
      {search.tutor && (
        <Button
          variant="default"
          size="compact-xs"
          onClick={() => onChange(changed(search, { tutor: undefined }))}
        >
          One tutor only: show all
        </Button>
      )}
    </div>
  );
}

function Sessions({ page, search, onChange }: PartProps & { page: Listed }) {
  if (page.sessions.length === 0) return <Empty title="No upcoming session matches" />;
  return (
    <>
      <UpcomingTable
        sessions={page.sessions}
        search={search}
        onSort={(sort) => onChange(withSort(search, sort))}
      />
      <Pager
        page={search.page ?? 1}
        size={PAGE_SIZE}
        total={page.total}
        noun="session"
        onPage={(number) => onChange({ ...search, page: number })}
      />
    </>
  );
}
