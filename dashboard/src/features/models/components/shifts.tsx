import { Panel } from '@/components/panel';
import { Empty } from '@/components/states';
import table from '@/components/table.module.css';
import { shiftTone } from '@/features/models/model-words';
import { codeWords, formatDecimal } from '@/lib/format';
import classes from './models.module.css';

const SHOWN = 8;

export function Shifts({ shifts }: { shifts: Record<string, number> }) {
  const largest = Object.entries(shifts)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN);
  return (
    <Panel
      title="Unlike the training set"
      note="Stability index; below 0.1 stable, above 0.25 another population"
      flush
    >
      {largest.length === 0 ? (
        <Empty title="Too few predictions to compare" />
      ) : (
        <table className={table.table}>
          <tbody>
            {largest.map(([feature, index]) => (
              <tr key={feature}>
                <td data-wrap>{codeWords(feature)}</td>
                <td data-align="right" className={classes.shift} data-tone={shiftTone(index)}>
                  {formatDecimal(index, 2)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
