// Submit a URL by HTTP and print the PDFs that were found: node http_master.js URL.
// openapi-typescript makes schema.d.ts from the gateway's OpenAPI document.
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });
const url = process.argv[2];
if (!url) throw new Error("Usage: node http_master.js URL");

const { data: accepted, error } = await client.POST("/jobs", { body: { url } });
if (error) throw new Error(error.detail);

const params = { path: { job: accepted.job } };
for (;;) {
  const { data: status } = await client.GET("/jobs/{job}", { params });
  if (status?.state === "finished") break;
  await new Promise((resolve) => setTimeout(resolve, 200));
}
const { data: result } = await client.GET("/jobs/{job}/result", { params });
console.log(result?.documents.map((document) => document.url));
