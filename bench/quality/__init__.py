"""How often Hopper is right, and how well it knows: few-shot, streaming, calibration, out of scope.

Every figure comes from the product: `import_confirmed`, `submit_task` with its doorbell, `record_feedback`,
`answer_review` and `refit_if_due`, on SQLite in a scratch file or on BENCH_DATABASE_URL. Beside it stand nearest
neighbours, nearest centroid and logistic regression by scikit-learn, in the same run on the same vectors.
"""
