import { IconArrowDownRight, IconArrowUpRight } from '@tabler/icons-react';
import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Overview } from '@/lib/api-types';
import { formatCount, formatPercent, plural } from '@/lib/format';
import classes from './overview.module.css';

export function Stats({ overview }: { overview: Overview }) {
  const { tutors, rates, sessions, threshold } = overview;
  return (
    <ul className={classes.stats}>
      <Stat
        label="Tutors at high risk"
        value={formatCount(tutors.high)}
        link={{ to: '/tutors', search: { risk: 'high' } }}
        tone={tutors.high > 0 ? 'high' : undefined}
      >
        {tutors.confirmed} confirmed, of {plural(tutors.total, 'tutor')}
      </Stat>
      <Stat
        label="Tutors near the threshold"
        value={formatCount(tutors.warning)}
        link={{ to: '/tutors', search: { risk: 'low' } }}
      >
        no rate above {threshold}% yet
      </Stat>
      <Stat
        label="Reschedule rate, 30 days"
        value={formatPercent(rates.rate_30d)}
        link={{ to: '/tutors' }}
      >
        <Change from={rates.rate_30d} to={rates.rate_7d} /> over 7 days,{' '}
        {formatPercent(rates.rate_90d)} over 90
      </Stat>
      <Stat
        label="Sessions, 30 days"
        value={formatCount(sessions.total_30d)}
        link={{ to: '/tutors', search: { sort: 'total_sessions_30d' } }}
      >
        {formatCount(sessions.total_7d)} in 7 days, {formatCount(sessions.total_90d)} in 90
      </Stat>
    </ul>
  );
}

interface StatProps {
  label: string;
  value: string;
  link: Pick<LinkProps, 'to' | 'search'>;
  tone?: 'high' | undefined;
  children: ReactNode;
}

function Stat({ label, value, link, tone, children }: StatProps) {
  return (
    <li>
      <Link {...link} className={classes.stat ?? ''}>
        <span className={classes.statLabel}>{label}</span>
        <span className={classes.statValue} data-tone={tone}>
          {value}
        </span>
        <span className={classes.statNote}>{children}</span>
      </Link>
    </li>
  );
}

function Change({ from, to }: { from: number | null; to: number | null }) {
  if (from === null || to === null || from === to) return formatPercent(to);
  const Icon = to > from ? IconArrowUpRight : IconArrowDownRight;
  return (
    <span className={classes.change} data-direction={to > from ? 'up' : 'down'}>
      <Icon size={13} stroke={2} role="img" aria-label={to > from ? 'up to' : 'down to'} />
      {formatPercent(to)}
    </span>
  );
}
