import { Button } from '@mantine/core';
import { useState } from 'react';
import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import table from '@/components/table.module.css';
import { Time } from '@/components/time';
import type { Reschedule } from '@/lib/api-types';
import { codeWords, formatNotice, NO_DATA } from '@/lib/format';

const SHOWN_AT_FIRST = 8;

export function Reschedules({ reschedules }: { reschedules: Reschedule[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? reschedules : reschedules.slice(0, SHOWN_AT_FIRST);
  return (
    <Panel title="Reschedules and cancellations" flush>
      {reschedules.length === 0 ? (
        <Empty title="None in this time" />
      ) : (
        <ScrollTable label="Reschedules">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">By</th>
              <th scope="col" data-optional>
                Session was at
              </th>
              <th scope="col" data-optional>
                Moved to
              </th>
              <th scope="col" data-align="right">
                Notice
              </th>
              <th scope="col" data-optional>
                Reason
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((reschedule) => (
              <Row key={reschedule.id} reschedule={reschedule} />
            ))}
          </tbody>
        </ScrollTable>
      )}
      {!all && reschedules.length > SHOWN_AT_FIRST && (
        <div className={table.more}>
          <Button variant="default" size="compact-sm" onClick={() => setAll(true)}>
            Show all {reschedules.length}
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Row({ reschedule }: { reschedule: Reschedule }) {
  const { cancelled_at, initiator, original_time, new_time, hours_before_session } = reschedule;
  return (
    <tr>
      <td>
        <Time value={cancelled_at} />
      </td>
      <td>{initiator ? codeWords(initiator) : NO_DATA}</td>
      <td data-optional>
        <Time value={original_time} />
      </td>
      <td data-optional>
        {new_time ? <Time value={new_time} /> : <span className={table.muted}>No new time</span>}
      </td>
      <td data-align="right">{formatNotice(hours_before_session)}</td>
      <td data-optional data-wrap>
        {reasonOf(reschedule)}
      </td>
    </tr>
  );
}

function reasonOf({ reason, reason_code }: Reschedule): string {
  return reason ?? (reason_code ? codeWords(reason_code) : NO_DATA);
}
