import { useQuery } from '@tanstack/react-query';
import { Page } from '@/components/page';
import { Loaded } from '@/components/states';
import { WeeklyChart } from '@/components/weekly-chart';
import { overviewQuery } from '@/features/overview/api/get-overview';
import { Distribution } from '@/features/overview/components/distribution';
import { NewlyHighRiskList } from '@/features/overview/components/newly-high-risk';
import { Stats } from '@/features/overview/components/stats';
import classes from './overview.module.css';

export function OverviewPage() {
  const query = useQuery(overviewQuery);
  return (
    <Page title="Overview" subtitle="Is anything wrong today?">
      <Loaded query={query} height={640}>
        {(overview) => (
          <>
            <Stats overview={overview} />
            <div className={classes.columns}>
              <WeeklyChart weeks={overview.weekly} threshold={overview.threshold} />
              <NewlyHighRiskList tutors={overview.newly_high_risk} />
            </div>
            <Distribution bands={overview.distribution} threshold={overview.threshold} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
