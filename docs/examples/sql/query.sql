-- Every customer, with the number of orders and their total.
SELECT name,
       (SELECT count(*) FROM orders WHERE customer = customers.id),
       (SELECT coalesce(sum(cents), 0) FROM orders WHERE customer = customers.id)
FROM customers;
