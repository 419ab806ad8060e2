import {
  IconActivityHeartbeat,
  IconBell,
  IconCalendarEvent,
  IconGauge,
  IconLayoutDashboard,
  IconUsers,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import classes from './shell.module.css';

const PLACES = [
  { to: '/', label: 'Overview', Icon: IconLayoutDashboard, exact: true },
  { to: '/tutors', label: 'Tutors', Icon: IconUsers, exact: false },
  { to: '/upcoming', label: 'Upcoming', Icon: IconCalendarEvent, exact: false },
  { to: '/alerts', label: 'Alerts', Icon: IconBell, exact: false },
  { to: '/models', label: 'Model health', Icon: IconGauge, exact: false },
  { to: '/pipeline', label: 'Pipeline', Icon: IconActivityHeartbeat, exact: false },
] as const;

export function Navigation({ onNavigate }: { onNavigate: () => void }) {
  return (
    <nav aria-label="Pages">
      <ul className={classes.places}>
        {PLACES.map(({ to, label, Icon, exact }) => (
          <li key={to}>
            <Link
              to={to}
              className={classes.place ?? ''}
              activeOptions={{ exact, includeSearch: false }}
              onClick={onNavigate}
            >
              <Icon size={17} stroke={1.7} aria-hidden />
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
