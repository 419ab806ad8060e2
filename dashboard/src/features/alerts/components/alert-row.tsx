import { Button } from '@mantine/core';
import {
  IconAlertTriangleFilled,
  IconCalendarExclamation,
  IconCheck,
  IconCircleCheck,
  IconScale,
  type TablerIcon,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { EvidenceWord } from '@/components/risk';
import { Time } from '@/components/time';
import { type Alert, WINDOWS } from '@/lib/api-types';
import { formatPercent, windowWords } from '@/lib/format';
import classes from './alerts.module.css';

interface Kind {
  Icon: TablerIcon;
  tone: 'high' | 'low' | 'none';
  says: string;
}

const KINDS: Record<Alert['kind'], Kind> = {
  tutor_entered: { Icon: IconAlertTriangleFilled, tone: 'high', says: 'entered high risk' },
  tutor_evidence_changed: { Icon: IconScale, tone: 'high', says: 'is still at high risk' },
  tutor_left: { Icon: IconCircleCheck, tone: 'low', says: 'is no longer at high risk' },
  session_at_risk: { Icon: IconCalendarExclamation, tone: 'none', says: 'may move a session' },
};

export function AlertRow({ alert, onAcknowledge }: { alert: Alert; onAcknowledge: () => void }) {
  const { Icon, tone, says } = KINDS[alert.kind];
  return (
    <li className={classes.row} data-done={alert.acknowledged_at !== null || undefined}>
      <Icon size={16} stroke={1.8} className={classes.icon} data-tone={tone} aria-hidden />
      <div className={classes.text}>
        <div>
          <Link
            to="/tutors/$tutorId"
            params={{ tutorId: alert.tutor_id }}
            className={classes.tutor ?? ''}
          >
            {alert.tutor_name ?? alert.tutor_id}
          </Link>{' '}
          {says}
        </div>
        <Details alert={alert} />
      </div>
      <div className={classes.when}>
        <Time value={alert.occurred_at} />
      </div>
      <Acknowledgement alert={alert} onAcknowledge={onAcknowledge} />
    </li>
  );
}

function Acknowledgement({ alert, onAcknowledge }: { alert: Alert; onAcknowledge: () => void }) {
  if (alert.acknowledged_at === null) {
    return (
      <Button
        className={classes.action ?? ''}
        variant="default"
        size="compact-xs"
        onClick={onAcknowledge}
        aria-label={`Acknowledge: ${alert.tutor_name} ${KINDS[alert.kind].says}`}
      >
        Acknowledge
      </Button>
    );
  }
  return (
    <span className={classes.done}>
      <IconCheck size={14} stroke={2} aria-hidden /> Acknowledged
    </span>
  );
}

function Details({ alert }: { alert: Alert }) {
  if (alert.reasons.length === 0) return null;
  const rates = WINDOWS.filter((window) => alert.reasons.includes(window)).map(
    (window) => `${formatPercent(alert[`reschedule_rate_${window}`])} over ${windowWords(window)}`,
  );
  return (
    <div className={classes.note}>
      {rates.join(', ')} · <EvidenceWord evidence={alert.evidence} />
    </div>
  );
}
