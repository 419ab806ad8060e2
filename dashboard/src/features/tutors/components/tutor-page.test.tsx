import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import { aTutorDetail, tutorId } from '@/testing/fixtures';
import { openDashboard } from '@/testing/render';
import { NOW, server } from '@/testing/server';

const FLAGGED = 28;

test('each card shows the rate with the counts it is made of', async () => {
  const { scores } = aTutorDetail(FLAGGED, NOW);
  openDashboard(`/tutors/${tutorId(FLAGGED)}`);
  const card = (await screen.findByText('Last 30 days')).closest('li') as HTMLElement;
  expect(card).toHaveTextContent(`${scores?.reschedule_rate_30d?.toFixed(2)}%`);
  expect(card).toHaveTextContent(
    `${scores?.tutor_reschedules_30d} of ${scores?.total_sessions_30d} sessions`,
  );
  expect(card).toHaveTextContent('points above 15%');
});

test('a flag is explained in words', async () => {
  openDashboard(`/tutors/${tutorId(FLAGGED)}`);
  expect(await screen.findByText(/^Above 15% over 7, 30 and 90 days\. Enough/)).toBeInTheDocument();
});

test('a tutor who was never scored has no flag and no rate', async () => {
  const detail = aTutorDetail(0, NOW);
  const scores = {
    ...detail.scores,
    risk_level: null,
    is_high_risk: false,
    reschedule_rate_30d: null,
    total_sessions_30d: 0,
    tutor_reschedules_30d: 0,
    total_sessions_90d: 0,
    next_change_at: null,
  };
  server.use(http.get('/api/tutors/:id', () => HttpResponse.json({ ...detail, scores })));
  openDashboard(`/tutors/${tutorId(0)}`);
  expect(await screen.findByText('No session of this tutor has been seen yet.')).toBeVisible();
  const card = screen.getByText('Last 30 days').closest('li') as HTMLElement;
  expect(card).not.toHaveTextContent('0.00%');
  expect(screen.getByText('No sessions', { selector: 'span' })).toBeInTheDocument();
});

test('a window with few sessions says so', async () => {
  const detail = aTutorDetail(FLAGGED, NOW);
  const scores = { ...detail.scores, total_sessions_7d: 3, tutor_reschedules_7d: 1 };
  server.use(http.get('/api/tutors/:id', () => HttpResponse.json({ ...detail, scores })));
  openDashboard(`/tutors/${tutorId(FLAGGED)}`);
  const card = (await screen.findByText('Last 7 days')).closest('li') as HTMLElement;
  expect(card).toHaveTextContent('too few to judge');
});

test('the event log loads more until there is no more', async () => {
  openDashboard(`/tutors/${tutorId(FLAGGED)}`);
  const log = await screen.findByRole('region', { name: 'Events', hidden: false });
  const rows = () => within(log).queryAllByRole('row').length - 1;
  await waitFor(() => expect(rows()).toBe(25));
  await userEvent.click(screen.getByRole('button', { name: 'Load more' }));
  await waitFor(() => expect(rows()).toBe(50));
  await userEvent.click(screen.getByRole('button', { name: 'Load more' }));
  await waitFor(() => expect(rows()).toBe(60));
  expect(screen.queryByRole('button', { name: 'Load more' })).not.toBeInTheDocument();
});

test('an unknown tutor is told apart from a failure', async () => {
  openDashboard('/tutors/00000000-0000-4000-8000-000000009999');
  expect(await screen.findByText('There is no such tutor')).toBeInTheDocument();
});
