import { IconArrowDownRight, IconArrowUpRight } from '@tabler/icons-react';
import { featureValue, featureWords } from '@/features/upcoming/feature-words';
import type { PredictionReason } from '@/lib/api-types';
import classes from './upcoming.module.css';

/** The strongest parts of a prediction; the arrow says which way each one pushes. */
export function Reasons({ reasons }: { reasons: PredictionReason[] | null }) {
  if (!reasons?.length) return <span className={classes.none}>–</span>;
  return (
    <ul className={classes.reasons}>
      {reasons.map((reason) => (
        <Reason key={reason.feature} reason={reason} />
      ))}
    </ul>
  );
}

function Reason({ reason }: { reason: PredictionReason }) {
  const raises = reason.contribution > 0;
  const Arrow = raises ? IconArrowUpRight : IconArrowDownRight;
  const effect = `${raises ? 'raises' : 'lowers'} the logit by ${Math.abs(reason.contribution).toFixed(2)}`;
  return (
    <li className={classes.reason} data-raises={raises} title={effect}>
      <Arrow size={14} stroke={2} aria-label={raises ? 'Raises it' : 'Lowers it'} />
      <span>
        {featureWords(reason.feature)}: {featureValue(reason)}
      </span>
    </li>
  );
}
