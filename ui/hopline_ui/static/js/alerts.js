// Alerts: refreshed while the page is open.

import { live } from "./live.js";

live();
