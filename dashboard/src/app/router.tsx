import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type RouterHistory,
} from '@tanstack/react-router';
import { NotFound, Trouble } from '@/app/error-pages';
import { Shell } from '@/app/shell';
import { alertsQuery, parseAlertSearch } from '@/features/alerts/api/get-alerts';
import { modelsQuery, parseModelSearch } from '@/features/models/api/get-models';
import { overviewQuery } from '@/features/overview/api/get-overview';
import { tutorQuery } from '@/features/tutors/api/get-tutor';
import { tutorsQuery } from '@/features/tutors/api/get-tutors';
import { parseTutorSearch } from '@/features/tutors/tutor-search';
import { upcomingQuery } from '@/features/upcoming/api/get-upcoming';
import { parseUpcomingSearch } from '@/features/upcoming/upcoming-search';
import { pipelineQuery } from '@/lib/pipeline-query';

const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Shell });

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(
    () => import('@/features/overview/components/overview-page'),
    'OverviewPage',
  ),
  loader: ({ context }) => void context.client.prefetchQuery(overviewQuery),
});

const tutors = createRoute({
  getParentRoute: () => root,
  path: '/tutors',
  validateSearch: parseTutorSearch,
  component: lazyRouteComponent(
    () => import('@/features/tutors/components/tutors-page'),
    'TutorsPage',
  ),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.client.prefetchQuery(tutorsQuery(deps)),
});

const tutor = createRoute({
  getParentRoute: () => root,
  path: '/tutors/$tutorId',
  component: lazyRouteComponent(
    () => import('@/features/tutors/components/tutor-page'),
    'TutorPage',
  ),
  loader: ({ context, params }) => void context.client.prefetchQuery(tutorQuery(params.tutorId)),
});

const upcoming = createRoute({
  getParentRoute: () => root,
  path: '/upcoming',
  validateSearch: parseUpcomingSearch,
  component: lazyRouteComponent(
    () => import('@/features/upcoming/components/upcoming-page'),
    'UpcomingPage',
  ),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.client.prefetchQuery(upcomingQuery(deps)),
});

const alerts = createRoute({
  getParentRoute: () => root,
  path: '/alerts',
  validateSearch: parseAlertSearch,
  component: lazyRouteComponent(
    () => import('@/features/alerts/components/alerts-page'),
    'AlertsPage',
  ),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.client.prefetchInfiniteQuery(alertsQuery(deps)),
});

const models = createRoute({
  getParentRoute: () => root,
  path: '/models',
  validateSearch: parseModelSearch,
  component: lazyRouteComponent(
    () => import('@/features/models/components/models-page'),
    'ModelsPage',
  ),
  loader: ({ context }) => void context.client.prefetchQuery(modelsQuery),
});

const pipeline = createRoute({
  getParentRoute: () => root,
  path: '/pipeline',
  component: lazyRouteComponent(
    () => import('@/features/pipeline/components/pipeline-page'),
    'PipelinePage',
  ),
  loader: ({ context }) => void context.client.prefetchQuery(pipelineQuery),
});

const routeTree = root.addChildren([overview, tutors, tutor, upcoming, alerts, models, pipeline]);

/** `history` is the browser's unless a test brings its own. */
export function createAppRouter(client: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    context: { client },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: Trouble,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
    ...(history && { history }),
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
