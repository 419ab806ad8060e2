import {
  IconAlertTriangleFilled,
  IconCircleCheck,
  IconEye,
  IconMinus,
  type TablerIcon,
} from '@tabler/icons-react';
import type { Evidence, PredictedRisk, RiskLevel } from '@/lib/api-types';
import { evidenceSentence, evidenceWords } from '@/lib/format';
import classes from './risk.module.css';

type ShownLevel = RiskLevel | PredictedRisk | 'none';

const LEVELS: Record<ShownLevel, { word: string; Icon: TablerIcon }> = {
  high: { word: 'High', Icon: IconAlertTriangleFilled },
  warning: { word: 'Warning', Icon: IconEye },
  medium: { word: 'Medium', Icon: IconEye },
  low: { word: 'Low', Icon: IconCircleCheck },
  none: { word: 'No sessions', Icon: IconMinus },
};

/** Colour, icon and word; `none` for a tutor without any counted session. */
export function RiskBadge({ level }: { level: ShownLevel }) {
  const { word, Icon } = LEVELS[level];
  return (
    <span className={classes.badge} data-level={level}>
      <Icon size={13} stroke={2} aria-hidden />
      {word}
    </span>
  );
}

export function EvidenceWord({ evidence }: { evidence: Evidence | null }) {
  return (
    <span
      className={classes.evidence}
      data-evidence={evidence}
      title={evidence ? evidenceSentence(evidence) : undefined}
    >
      {evidenceWords(evidence)}
    </span>
  );
}
