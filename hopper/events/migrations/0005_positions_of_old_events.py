from django.db import migrations

# All of them are committed, so the order in which they were written is as good as any that a reader could have seen.
NUMBER = """
    UPDATE events SET position = numbered.place
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM events) AS numbered
    WHERE events.id = numbered.id
"""
END = "INSERT INTO log_end (id, position) SELECT 1, COUNT(*) FROM events"


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0004_positions'),
    ]

    operations = [
        migrations.RunSQL([NUMBER, END], ["UPDATE events SET position = NULL", "DELETE FROM log_end"]),
    ]
