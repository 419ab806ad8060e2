import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { Page } from '@/components/page';
import { RiskBadge } from '@/components/risk';
import { Failure } from '@/components/states';
import { Time } from '@/components/time';
import { tutorQuery } from '@/features/tutors/api/get-tutor';
import { EventLog } from '@/features/tutors/components/event-log';
import { HistoryPanels } from '@/features/tutors/components/history-panels';
import { RiskTimeline } from '@/features/tutors/components/risk-timeline';
import { Statistics } from '@/features/tutors/components/statistics';
import { UpcomingPanel } from '@/features/tutors/components/upcoming-panel';
import { Verdict } from '@/features/tutors/components/verdict';
import { WindowCards } from '@/features/tutors/components/window-cards';
import { shownLevel } from '@/features/tutors/shown-level';
import type { TutorDetail } from '@/lib/api-types';
import { isNotFound } from '@/lib/query-client';
import classes from './tutor.module.css';

export function TutorPage() {
  const { tutorId } = useParams({ from: '/tutors/$tutorId' });
  const { data: tutor, error, refetch } = useQuery(tutorQuery(tutorId));
  if (tutor) return <Tutor tutor={tutor} />;
  if (isNotFound(error)) return <UnknownTutor />;
  return (
    <Page title={<Skeleton width={220} height={24} />} documentTitle="Tutor">
      {error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton height={600} radius="md" role="status" aria-label="Loading" />
      )}
    </Page>
  );
}

function Tutor({ tutor }: { tutor: TutorDetail }) {
  const { scores } = tutor;
  const title = (
    <span className={classes.title}>
      {tutor.name}
      <RiskBadge level={shownLevel(scores)} />
    </span>
  );
  return (
    <Page title={title} documentTitle={tutor.name} subtitle={<About tutor={tutor} />}>
      <Verdict scores={scores} />
      <WindowCards scores={scores} />
      <HistoryPanels tutorId={tutor.id} threshold={scores.risk_threshold} />
      <Statistics statistics={tutor.statistics} />
      <UpcomingPanel tutorId={tutor.id} />
      <div className={classes.logs}>
        <EventLog tutorId={tutor.id} />
        <RiskTimeline tutorId={tutor.id} />
      </div>
    </Page>
  );
}

function About({ tutor }: { tutor: TutorDetail }) {
  return (
    <span className={classes.about}>
      <Link to="/tutors">Tutors</Link>
      {tutor.email && <span>{tutor.email}</span>}
      {tutor.external_id && <span>id {tutor.external_id}</span>}
      {tutor.as_of && (
        <span>
          as of <Time value={tutor.as_of} />
        </span>
      )}
    </span>
  );
}

function UnknownTutor() {
  return (
    <Page title="There is no such tutor">
      <p>
        <Link to="/tutors">Search all tutors</Link>
      </p>
    </Page>
  );
}
