import { ActionIcon, Loader } from '@mantine/core';
import {
  IconArrowDown,
  IconArrowUp,
  IconChevronDown,
  IconChevronRight,
  IconRefresh,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { Fragment, type ReactNode, useState } from 'react';
import { RiskBadge } from '@/components/risk';
import { ScrollTable } from '@/components/scroll-table';
import { Time } from '@/components/time';
import { useRefreshPrediction } from '@/features/upcoming/api/refresh-prediction';
import { Details } from '@/features/upcoming/components/details';
import { Reasons } from '@/features/upcoming/components/reasons';
import { type Sort, sortOf, type UpcomingSearch } from '@/features/upcoming/upcoming-search';
import type { UpcomingSession } from '@/lib/api-types';
import { formatShare } from '@/lib/format';
import classes from './upcoming.module.css';

interface UpcomingTableProps {
  sessions: UpcomingSession[];
  search: UpcomingSearch;
  onSort: (sort: Sort) => void;
}

export function UpcomingTable({ sessions, search, onSort }: UpcomingTableProps) {
  const [opened, setOpened] = useState<string>();
  const headings: [Sort | undefined, string, boolean?][] = [
    ['scheduled_time', 'Session'],
    ['tutor_name', 'Tutor'],
    ['student_name', 'Student', true],
    ['reschedule_probability', 'Will be moved'],
    [undefined, 'Why', true],
  ];
  return (
    <ScrollTable label="Upcoming sessions">
      <thead>
        <tr>
          {headings.map(([sort, words, optional]) => (
            <Heading key={words} sort={sort} search={search} onSort={onSort} optional={optional}>
              {words}
            </Heading>
          ))}
          <th scope="col">
            <span className={classes.hidden}>Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => {
          const key = `${session.id} ${session.scheduled_time}`;
          const isOpen = opened === key;
          return (
            <Fragment key={key}>
              <Row
                session={session}
                isOpen={isOpen}
                onToggle={() => setOpened(isOpen ? undefined : key)}
              />
              {isOpen && (
                <tr>
                  <td colSpan={headings.length + 1} data-wrap>
                    <Details sessionId={session.id} />
                  </td>
                </tr>
              )}
            </Fragment>
          );
        })}
      </tbody>
    </ScrollTable>
  );
}

interface HeadingProps {
  sort: Sort | undefined;
  search: UpcomingSearch;
  onSort: (sort: Sort) => void;
  /** Not shown where there is no room for it. */
  optional: boolean | undefined;
  children: ReactNode;
}

function Heading({ sort, search, onSort, optional, children }: HeadingProps) {
  if (sort === undefined) {
    return (
      <th scope="col" data-optional={optional}>
        {children}
      </th>
    );
  }
  const current = sortOf(search);
  const active = current.sort === sort;
  const Arrow = current.order === 'asc' ? IconArrowUp : IconArrowDown;
  const ariaSort = current.order === 'asc' ? 'ascending' : 'descending';
  return (
    <th scope="col" aria-sort={active ? ariaSort : undefined} data-optional={optional}>
      <button type="button" className={classes.sort} onClick={() => onSort(sort)}>
        {children}
        {active && <Arrow size={13} stroke={2} aria-hidden />}
      </button>
    </th>
  );
}

interface RowProps {
  session: UpcomingSession;
  isOpen: boolean;
  onToggle: () => void;
}

function Row({ session, isOpen, onToggle }: RowProps) {
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  return (
    <tr>
      <td>
        <button
          type="button"
          className={classes.toggle}
          aria-expanded={isOpen}
          aria-label="Details"
          onClick={onToggle}
        >
          <Chevron size={14} stroke={2} aria-hidden />
          <Time value={session.scheduled_time} />
        </button>
      </td>
      <td>
        <Link
          to="/tutors/$tutorId"
          params={{ tutorId: session.tutor_id }}
          className={classes.tutor}
        >
          {session.tutor_name ?? session.tutor_id}
        </Link>
      </td>
      <td data-optional>{session.student_name ?? session.student_id}</td>
      <td>
        <Probability session={session} />
      </td>
      <td data-wrap data-optional>
        <Reasons reasons={session.reasons} />
      </td>
      <td data-align="right">
        <Refresh session={session} />
      </td>
    </tr>
  );
}

function Probability({ session }: { session: UpcomingSession }) {
  if (session.reschedule_probability === null || session.risk_level === null) {
    return <span className={classes.none}>Not predicted yet</span>;
  }
  return (
    <span className={classes.probability}>
      <span className={classes.share}>{formatShare(session.reschedule_probability)}</span>
      <RiskBadge level={session.risk_level} />
      {session.source !== 'model' && (
        <span className={classes.fallback} title="No model could answer: an estimate from rates">
          estimate
        </span>
      )}
    </span>
  );
}

function Refresh({ session }: { session: UpcomingSession }) {
  const refresh = useRefreshPrediction();
  const label = refresh.error ? `Not refreshed: ${refresh.error.message}` : 'Predict anew';
  return (
    <ActionIcon
      variant="subtle"
      color={refresh.error ? 'red' : 'gray'}
      size="sm"
      aria-label={label}
      title={label}
      disabled={refresh.isPending}
      onClick={() => refresh.mutate(session.id)}
    >
      {refresh.isPending ? <Loader size={14} /> : <IconRefresh size={15} stroke={1.8} />}
    </ActionIcon>
  );
}
