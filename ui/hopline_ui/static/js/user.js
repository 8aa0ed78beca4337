// The user's page: the list's keys and ticks.

import { wireResults } from "./results.js";

wireResults();
