import { Panel } from '@/components/panel';
import table from '@/components/table.module.css';
import { sourceWords } from '@/features/models/model-words';
import type { ModelDetail } from '@/lib/api-types';
import { codeWords, formatCount } from '@/lib/format';

/** Every prediction whose session should have begun, also those that nobody can judge. */
export function Fates({ live }: { live: ModelDetail['live'] }) {
  return (
    <Panel title="What became of them" note="Censored and unresolved ones are not judged" flush>
      <table className={table.table}>
        <tbody>
          {Object.entries(live).map(([source, { fates }]) => (
            <Source key={source} source={source} fates={fates} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Source({ source, fates }: { source: string; fates: Record<string, number> }) {
  const counts = Object.entries(fates).sort(([, a], [, b]) => b - a);
  return (
    <>
      <tr>
        <th scope="rowgroup" colSpan={2}>
          {sourceWords(source)}
        </th>
      </tr>
      {counts.map(([fate, count]) => (
        <tr key={fate}>
          <td data-wrap>{codeWords(fate)}</td>
          <td data-align="right">{formatCount(count)}</td>
        </tr>
      ))}
    </>
  );
}
