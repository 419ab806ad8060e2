import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { HttpResponse, http } from 'msw';
import { describe, expect, test } from 'vitest';
import { openDashboard } from '@/testing/render';
import { server } from '@/testing/server';

async function tableRows(): Promise<HTMLElement[]> {
  const table = await screen.findByRole('table');
  return within(table).getAllByRole('row').slice(1);
}

describe('tutors page', () => {
  test('shows the page that the address asks for', async () => {
    openDashboard('/tutors?risk=high&q=costa&sort=name');
    const rows = await tableRows();
    expect(rows.length).toBeGreaterThan(2);
    for (const row of rows) {
      expect(row).toHaveTextContent('Costa');
      expect(row).toHaveTextContent('High');
    }
    expect(screen.getByRole('searchbox')).toHaveValue('costa');
    expect(screen.getByRole('columnheader', { name: 'Tutor' })).toHaveAttribute(
      'aria-sort',
      'ascending',
    );
  });

  test('what is typed, chosen and sorted lands in the address', async () => {
    const user = userEvent.setup();
    const { router } = openDashboard('/tutors');
    await tableRows();
    await user.type(screen.getByRole('searchbox'), 'ada');
    await waitFor(() => expect(router.state.location.search).toEqual({ q: 'ada' }));
    await user.click(screen.getByRole('radio', { name: 'Not high' }));
    await waitFor(() => expect(router.state.location.search).toEqual({ q: 'ada', risk: 'low' }));
    await user.click(screen.getByRole('button', { name: 'Sessions, 30 d' }));
    await waitFor(() =>
      expect(router.state.location.search).toEqual({
        q: 'ada',
        risk: 'low',
        sort: 'total_sessions_30d',
      }),
    );
  });

  test('fifty tutors a page, and the next page in the address', async () => {
    const { router } = openDashboard('/tutors');
    expect(await tableRows()).toHaveLength(50);
    expect(screen.getByText('1–50 of 180 tutors')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Next' }));
    await screen.findByText('51–100 of 180 tutors');
    expect(router.state.location.search).toEqual({ page: 2 });
  });

  test('j and k move from tutor to tutor and Enter opens one', async () => {
    const user = userEvent.setup();
    const { router } = openDashboard('/tutors?sort=name');
    const rows = await tableRows();
    await user.keyboard('jjk');
    const first = within(rows[0] as HTMLElement).getByRole('link');
    expect(first).toHaveFocus();
    await user.keyboard('{Enter}');
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/tutors\/0000/));
  });

  test('a tutor without sessions has no rate and no risk', async () => {
    openDashboard('/tutors?sort=total_sessions_30d&order=asc');
    const [first] = await tableRows();
    expect(first).toHaveTextContent('No sessions');
    expect(first).not.toHaveTextContent('0.0%');
    expect(first).toHaveTextContent('–');
  });

  test('nothing found offers to clear the filters', async () => {
    const { router } = openDashboard('/tutors?q=nobody');
    await userEvent.click(await screen.findByRole('button', { name: 'Clear the filters' }));
    expect(await tableRows()).toHaveLength(50);
    expect(router.state.location.search).toEqual({});
    expect(screen.getByRole('searchbox')).toHaveValue('');
  });

  test('says that there are none before the first event', async () => {
    server.use(
      http.get('/api/tutors', () =>
        HttpResponse.json({ tutors: [], total: 0, limit: 50, offset: 0, as_of: null }),
      ),
    );
    openDashboard('/tutors');
    expect(await screen.findByText('No tutors yet')).toBeInTheDocument();
  });

  test('an error shows what the API said, and trying again recovers', async () => {
    server.use(
      http.get(
        '/api/tutors',
        () => HttpResponse.json({ detail: 'The database is away.' }, { status: 503 }),
        { once: true },
      ),
    );
    openDashboard('/tutors');
    expect(await screen.findByText('The database is away.')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await tableRows()).toHaveLength(50);
  });
});
