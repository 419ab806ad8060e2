import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { expect, test } from 'vitest';
import type { ModelDetail, Models } from '@/lib/api-types';
import { aModelDetail, someModels } from '@/testing/fixtures';
import { openDashboard } from '@/testing/render';
import { NOW, server } from '@/testing/server';

const MODELS = someModels(NOW);

function answer(models: Partial<Models>, detail: Partial<ModelDetail> = {}) {
  server.use(
    http.get('/api/models', () => HttpResponse.json({ ...MODELS, ...models })),
    http.get('/api/models/:version', ({ params }) =>
      HttpResponse.json({ ...aModelDetail(String(params.version), NOW), ...detail }),
    ),
  );
}

function figure(name: string): HTMLElement {
  return screen.getByText(name, { selector: 'dt' }).parentElement as HTMLElement;
}

test('the champion is shown first: version, calibration, fallbacks', async () => {
  openDashboard('/models');
  await screen.findByText('Observed / expected');
  expect(figure('Version')).toHaveTextContent(MODELS.champion);
  expect(figure('Calibration')).toHaveTextContent('Stable');
  expect(figure('Observed / expected')).toHaveTextContent('1.02 to 1.12');
  expect(figure('Answered by a fallback')).toHaveTextContent('0.8%');
});

test('each lead band has its figures beside those of training', async () => {
  openDashboard('/models');
  const bands = await screen.findByRole('region', { name: 'Figures by time to the session' });
  const row = (await within(bands).findByText('6 to 24 h before')).closest('tr') as HTMLElement;
  expect(row).toHaveTextContent('11,400');
  expect(row).toHaveTextContent('0.253');
});

test('drift says in which direction and what to do', async () => {
  const drift = aModelDetail(MODELS.champion, NOW).drift;
  answer({}, { drift: { ...drift, state: 'drifting', direction: 'too low' } });
  openDashboard('/models');
  expect(await screen.findByText('Drifting')).toBeInTheDocument();
  expect(figure('Calibration')).toHaveTextContent('too low: recalibrate or train anew');
});

test('another version is shown when it is chosen', async () => {
  const { router } = openDashboard('/models');
  await userEvent.click(await screen.findByRole('link', { name: '8e04d1c6aa90' }));
  expect(router.state.location.search).toEqual({ version: '8e04d1c6aa90' });
  await screen.findByText(/^Challenger, from/);
});

test('the reliability curve can be read as numbers', async () => {
  openDashboard('/models');
  await userEvent.click(await screen.findByText('Table'));
  const groups = await screen.findByRole('region', { name: 'Groups of predictions' });
  expect(within(groups).getAllByRole('row')).toHaveLength(16);
});

test('a degraded model is said to be, with the reason', async () => {
  const [worker] = MODELS.workers;
  if (!worker) throw new Error('no worker');
  answer({
    workers: [{ ...worker, champion: null, degraded: true, why: 'trees.ubj: damaged.' }],
  });
  openDashboard('/models');
  expect(await screen.findByText('Model degraded')).toBeInTheDocument();
  expect(screen.getByText(/Fallbacks answer instead of 3f9c2b7a51de/)).toHaveTextContent('damaged');
});

test('before anything was judged there is the card and calm', async () => {
  const drift = aModelDetail(MODELS.champion, NOW).drift;
  answer(
    { fallback_share: null, changes: [] },
    { live: {}, shifts: {}, drift: { ...drift, state: 'too few', n: 0 } },
  );
  openDashboard('/models');
  expect(await screen.findByText('No prediction of this version was judged yet')).toBeVisible();
  expect(figure('Calibration')).toHaveTextContent('Too early to say');
  expect(figure('Calibration error')).toHaveTextContent('0.007 in training');
  expect(screen.getByText('The model that came with the product serves')).toBeInTheDocument();
});

test('the fallbacks have no card to link to', async () => {
  answer({}, { card: null, role: null });
  openDashboard('/models?version=rules-v1');
  await screen.findByText('Observed / expected');
  expect(figure('Version')).toHaveTextContent('Not in service');
  expect(screen.queryByRole('link', { name: 'Model card' })).not.toBeInTheDocument();
});

test('an error offers another try', async () => {
  server.use(http.get('/api/models', () => HttpResponse.json({ detail: 'away' }, { status: 503 })));
  openDashboard('/models');
  expect(await screen.findByText('This could not be loaded')).toBeInTheDocument();
  server.resetHandlers();
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('Observed / expected')).toBeInTheDocument();
});
