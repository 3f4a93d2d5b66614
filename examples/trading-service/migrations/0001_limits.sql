-- How much an account may order at once. Without a row it may order anything.
CREATE TABLE trading.limits (
    account_id   integer       PRIMARY KEY REFERENCES trading.accounts,
    max_quantity numeric(20,8) NOT NULL CHECK (max_quantity > 0)
);
GRANT SELECT ON trading.limits TO suho_read;
GRANT INSERT, UPDATE ON trading.limits TO suho_write;
