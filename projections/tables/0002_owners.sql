-- Who may write. A poster that begins for a tenant adds a checkpoint of the next epoch, which takes over how far the
-- ledger goes; from then on nothing of an older epoch is written. The checkpoint that holds is that of the latest
-- epoch and owner. The embedded store has one owner and stays at epoch 0.
ALTER TABLE checkpoints
    ADD COLUMN IF NOT EXISTS epoch UInt64,
    ADD COLUMN IF NOT EXISTS owner String,
    MODIFY ORDER BY (tenant, epoch, owner);
